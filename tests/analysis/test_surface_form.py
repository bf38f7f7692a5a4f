from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from odqa.analysis.form_marks import FEATURES
from odqa.analysis.judged_run import JudgedRun
from odqa.analysis.surface_form import (
    COLUMNS,
    RETRIEVER_SCORE,
    Candidates,
    cross_validate,
    fit,
    parse_features,
    surface_form,
)
from odqa.data.corpus import Corpus
from odqa.errors import DataError, SpecError
from odqa.types import Hit, Passage

WHOLE = "A house stands here."
CUT = "House and then it went"
FORM = list(range(1, 1 + len(FEATURES)))


def corpus() -> Corpus:
    """Three passages for each of ten questions; the relevant one alone ends a sentence."""
    return Corpus.from_passages(
        Passage(f"{q}-{n}", WHOLE if n == q % 3 else CUT, "House")
        for q in range(10)
        for n in range(3)
    )


def judged_run() -> JudgedRun:
    """Three candidates of like score per question."""
    hits = {f"q{q}": [Hit(f"{q}-{n}", 0.5 - n / 100) for n in range(3)] for q in range(10)}
    return JudgedRun(hits, {f"q{q}": {f"{q}-{q % 3}": 1} for q in range(10)}, "a.run")


@pytest.fixture
def candidates() -> Candidates:
    return Candidates.of(judged_run(), corpus(), 3)


def test_features_of_a_passage() -> None:
    values = {name: feature(Passage("p", CUT, "House")) for name, feature in FEATURES.items()}
    assert values == {
        "begins with a capital": 1.0,
        "begins with its title": 1.0,
        "ends a sentence": 0.0,
        "hundreds of words": 0.05,
        "under 70 words": 1.0,
        "over 100 words": 0.0,
    }
    assert FEATURES["ends a sentence"](Passage("p", "It did. ", "")) == 1.0
    assert FEATURES["begins with its title"](Passage("p", "It did.", "")) == 0.0


def test_form_finds_what_the_score_does_not(candidates: Candidates) -> None:
    assert candidates.features.shape == (10, 3, 1 + len(FEATURES))
    assert candidates.relevant.sum(1).tolist() == [1] * 10
    score = cross_validate(candidates, [0])
    # The first of three is relevant four times in ten, and every order of theirs is the run's.
    assert candidates.figures(candidates.features[..., 0])["R@1"] == pytest.approx(0.4)
    assert candidates.figures(score)["R@1"] < 0.5
    assert candidates.figures(cross_validate(candidates, FORM))["R@1"] == 1.0
    weights = fit(candidates, range(10), [0, *FORM])
    assert weights[COLUMNS.index("ends a sentence")] > 1
    assert weights[COLUMNS.index("begins with its title")] < -1
    assert torch.count_nonzero(fit(candidates, range(10), [0])[1:]) == 0


def test_a_weight_by_hand() -> None:
    """Two candidates 1 and 0 apart in score; the first is relevant in three questions of four.

    The likelihood is greatest where sigmoid(w) = 3/4, so w = ln 3, but for the penalty.
    """
    hits = {f"q{n}": [Hit("a", 1.0), Hit("b", 0.0)] for n in range(4)}
    qrels = {f"q{n}": {"a" if n else "b": 1} for n in range(4)}
    passages = Corpus.from_passages([Passage("a", WHOLE), Passage("b", WHOLE)])
    few = Candidates.of(JudgedRun(hits, qrels), passages, 2)
    assert float(fit(few, range(4), [0])[0]) == pytest.approx(1.0986, abs=2e-3)


def test_relevant_passages_of_a_question_count_together(candidates: Candidates) -> None:
    every = replace(candidates, relevant=torch.ones_like(candidates.relevant))
    # Whatever comes first is relevant, so that nothing is learnt.
    assert float(fit(every, range(10), [0, *FORM]).abs().max()) == pytest.approx(0.0, abs=1e-6)


def test_questions_are_fitted_apart_from_what_they_are_evaluated_by(
    candidates: Candidates,
) -> None:
    # One question contradicts the others, so it shows whether it was fitted to.
    relevant = candidates.relevant.clone()
    relevant[0] = torch.tensor([False, True, False])
    odd = replace(candidates, relevant=relevant)
    weights = fit(odd, range(1, 10), FORM)
    assert not torch.allclose(fit(odd, range(10), FORM), weights)
    scores = cross_validate(odd, FORM, folds=10)
    torch.testing.assert_close(scores[0], odd.features[0] @ weights)


def test_the_whole_analysis(candidates: Candidates) -> None:
    result = surface_form(candidates, candidates, ["ends a sentence", "over 100 words"])
    names = [
        f"{by}, {how}"
        for by in (RETRIEVER_SCORE, "form", "both")
        for how in ("cross-validated", "evaluated")
    ]
    assert list(result.figures) == names
    assert result.figures["form, cross-validated"] == {"R@1": 1.0, "R@5": 1.0, "MRR@10": 1.0}
    assert list(result.weights) == [RETRIEVER_SCORE, "ends a sentence", "over 100 words"]
    lines = str(result).splitlines()
    assert lines[2] == "form, cross-validated: R@1 1.000  R@5 1.000  MRR@10 1.000"
    assert lines[-1] == "over 100 words: +0.00"
    assert len(surface_form(candidates, None, ["over 100 words"]).figures) == 3


def test_what_cannot_be_fitted_is_one_line(candidates: Candidates) -> None:
    with pytest.raises(DataError, match=r"a\.run: no judged question has 4 hits; try a smaller"):
        Candidates.of(judged_run(), corpus(), 4)
    with pytest.raises(DataError, match="no passage '0-0'"):
        Candidates.of(judged_run(), Corpus.from_passages([Passage("x", WHOLE)]), 3)
    none = replace(candidates, relevant=torch.zeros_like(candidates.relevant))
    with pytest.raises(DataError, match=r"a\.run: too few questions have a relevant passage"):
        surface_form(none, None, ["ends a sentence"])


def test_features_by_name() -> None:
    assert parse_features("ends a sentence, under 70 words,ends a sentence") == [
        "ends a sentence",
        "under 70 words",
    ]
    with pytest.raises(SpecError, match="--features: no feature 'ends sentence'; did you mean"):
        parse_features("over 100 words,ends sentence")
