"""Whether form tells relevant passages from others; the classifier against scikit-learn's."""

from __future__ import annotations

import random

import numpy as np
import pytest
from typer.testing import CliRunner

from odqa.analysis.form_marks import FEATURES, marks_of, simple_marks_of
from odqa.analysis.gold_form import cross_validated, fit_logistic, gold_form, roc_area
from odqa.data.corpus import Corpus
from odqa.errors import DataError
from odqa.types import Passage

WORDS = ["river", "house", "stone", "green", "walked", "never", "seven", "market", "under", "light"]


def corpus(n: int, ending: str) -> Corpus:
    """Every third passage is relevant and ends in ``ending``; the others end anyhow."""
    draw = random.Random(0)
    passages = []
    for number in range(n):
        text = " ".join(draw.choices(WORDS, k=draw.randint(20, 60)))
        end = ending if number % 3 == 0 else draw.choice(["", "."])
        passages.append(Passage(f"p{number}", f"{text}{end}", "A title"))
    return Corpus.from_passages(passages)


def qrels(n: int) -> dict[str, dict[str, int]]:
    return {f"q{number}": {f"p{number}": 1, "p1": 0} for number in range(0, n, 3)}


def test_form_that_tells_everything_and_nothing() -> None:
    told = gold_form(corpus(300, "!?"), qrels(300))
    assert (told.relevant, told.others) == (100, 200)
    assert told.full > 0.99
    # The simple marks see a sentence end in all of them, and in half of the others.
    assert 0.7 < told.simple < 0.8
    assert any("!" in name or "?" in name for name in told.weights)
    assert "100 relevant passages among 300" in str(told)
    draw = random.Random(1)
    hidden = {f"q{n}": {f"p{n}": 1} for n in draw.sample(range(300), 100)}
    assert 0.35 < gold_form(corpus(300, "."), hidden).full < 0.65


def test_area_by_hand_and_as_scikit_learn_has_it() -> None:
    labels = np.array([True, False, True, False, False])
    # Of six pairs: 0.9 beats all three; 0.5 beats 0.1 and ties with 0.5, loses to 0.7.
    assert roc_area(np.array([0.9, 0.5, 0.5, 0.1, 0.7]), labels) == (3 + 1 + 0.5) / 6
    metrics = pytest.importorskip("sklearn.metrics")
    draw = np.random.default_rng(0)
    scores, labels = draw.random(200).round(1), draw.random(200) < 0.2
    assert roc_area(scores, labels) == pytest.approx(metrics.roc_auc_score(labels, scores))


def test_weights_equal_scikit_learns() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    draw = np.random.default_rng(0)
    x = draw.normal(size=(300, 5))
    labels = x @ [1.0, -2.0, 0.0, 0.5, 0.0] + draw.normal(size=300) > 1
    peer = linear.LogisticRegression(tol=1e-8, max_iter=1000).fit(x, labels)
    weights = fit_logistic(x, labels)
    assert weights[0] == pytest.approx(peer.intercept_[0], abs=1e-3)
    assert weights[1:] == pytest.approx(peer.coef_[0], abs=1e-3)


def test_passages_are_scored_by_weights_that_did_not_see_them() -> None:
    draw = np.random.default_rng(0)
    # Noise of as many marks as passages fits itself perfectly, and tells nothing of others.
    x, labels = draw.normal(size=(60, 60)), np.arange(60) % 2 == 0
    weights = fit_logistic(x, labels)
    assert roc_area(weights[0] + x @ weights[1:], labels) > 0.99
    assert roc_area(cross_validated(x, labels), labels) < 0.8


def test_marks_are_numbers_of_any_text() -> None:
    for text in ("a", "Ünï — “quoted”, (1999).", "``x '' , y .Z\n", "  blank  "):
        marks = marks_of(Passage("p", text, "Ünï"))
        assert marks.keys() == marks_of(Passage("p", "other")).keys()
        assert np.isfinite(list(marks.values())).all()
    assert simple_marks_of(Passage("p", "A b.")).keys() == FEATURES.keys()
    marks = marks_of(Passage("p", "Ed Wood (film), 1994 .It", "Ed Wood"))
    assert (marks["words"], marks["begins with its title"], marks["title in brackets"]) == (5, 1, 0)
    assert marks["blank before a comma or stop"] == marks["no blank after a stop"] == 1 / 24
    assert marks["share of digits"] == 4 / 24


def test_too_few() -> None:
    with pytest.raises(DataError, match="4 relevant passages and 8 others; at least 5 of each"):
        gold_form(corpus(12, "."), qrels(12))


def test_the_command_takes_several_files(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    from odqa.cli.main import app

    monkeypatch.setenv("ODQA_CACHE", str(tmp_path / "cache"))
    rows = "".join(f"{p.id}\t{p.text}\t{p.title}\n" for p in corpus(60, "!?"))
    (tmp_path / "p.tsv").write_text(f"id\ttext\ttitle\n{rows}")
    # One id of a question may stand in both files.
    (tmp_path / "a.qrels").write_text("".join(f"q{n} 0 p{n} 1\n" for n in range(0, 30, 3)))
    (tmp_path / "b.qrels").write_text("".join(f"q{n - 30} 0 p{n} 1\n" for n in range(30, 60, 3)))
    result = CliRunner().invoke(
        app, ["analyse", "gold-form", *(str(tmp_path / f) for f in ("p.tsv", "a.qrels", "b.qrels"))]
    )
    assert result.exit_code == 0, result.output
    assert "20 relevant passages among 60" in result.output
