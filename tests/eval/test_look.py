from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from eval.look import MARKS, SCORE, Candidates, cross_validated, fit, main
from odqa.data.trec import write_run
from odqa.types import Hit, Passage

WHOLE = "A house stands here."
CUT = "House and then it went"


@pytest.fixture
def candidates(tmp_path: Path) -> Candidates:
    """Three candidates of like score per question; the gold one alone ends a sentence."""
    passages, run, judged = {}, {}, []
    for q in range(10):
        gold = q % 3
        for n in range(3):
            text = WHOLE if n == gold else CUT
            passages[f"{q}-{n}"] = Passage(f"{q}-{n}", text, "House")
        run[f"q{q}"] = [Hit(f"{q}-{n}", 0.5 - n / 100) for n in range(3)]
        judged.append(f"q{q} 0 {q}-{gold} 1")
    write_run(tmp_path / "a.run", run, "sentence")
    (tmp_path / "a.qrels").write_text("\n".join(judged), encoding="utf-8")
    return Candidates.read(passages, tmp_path / "a.run", tmp_path / "a.qrels", 3)


def test_marks_of_a_passage() -> None:
    found = {name: mark(Passage("p", CUT, "House")) for name, mark in MARKS.items()}
    assert found == {
        "begins with a capital": 1.0,
        "begins with its title": 1.0,
        "ends a sentence": 0.0,
        "hundreds of words": 0.05,
        "under 70 words": 1.0,
        "over 100 words": 0.0,
    }
    assert MARKS["ends a sentence"](Passage("p", "It did. ", "")) == 1.0
    assert MARKS["begins with its title"](Passage("p", "It did.", "")) == 0.0


def test_form_finds_what_the_score_does_not(candidates: Candidates) -> None:
    assert candidates.features.shape == (10, 3, 1 + len(MARKS))
    score = cross_validated(candidates, [0])
    # The first of three is gold four times in ten, and every order of theirs is the run's.
    assert candidates.figures(candidates.features[..., 0])["R@1"] == pytest.approx(0.4)
    assert candidates.figures(score)["R@1"] < 0.5
    marks = list(range(1, 1 + len(MARKS)))
    assert candidates.figures(cross_validated(candidates, marks))["R@1"] == 1.0
    weights = fit(candidates, range(10), [0, *marks])
    assert weights[1 + list(MARKS).index("ends a sentence")] > 1
    assert weights[1 + list(MARKS).index("begins with its title")] < -1
    assert torch.count_nonzero(fit(candidates, range(10), [0])[1:]) == 0


def test_questions_are_fitted_apart_from_what_they_are_judged_by(candidates: Candidates) -> None:
    marks = list(range(1, 1 + len(MARKS)))
    # One question contradicts the others, so it shows whether it was fitted to.
    odd = replace(candidates, gold={**candidates.gold, "q0": "0-1"})
    rest = fit(odd, range(1, 10), marks)
    assert not torch.allclose(fit(odd, range(10), marks), rest)
    scores = cross_validated(odd, marks, folds=10)
    torch.testing.assert_close(scores[0], odd.features[0] @ rest)


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = tmp_path / "p.tsv"
    lines = [f"{i}\t{WHOLE if i % 2 else CUT}\tHouse" for i in range(12)]
    corpus.write_text("\n".join(["id\ttext\ttitle", *lines]) + "\n", encoding="utf-8")
    run = {f"q{q}": [Hit(str(2 * q), 0.5), Hit(str(2 * q + 1), 0.4)] for q in range(6)}
    write_run(tmp_path / "a.run", run, "sentence")
    judged = "\n".join(f"q{q} 0 {2 * q + 1} 1" for q in range(6))
    (tmp_path / "a.qrels").write_text(judged, encoding="utf-8")
    files = [str(tmp_path / "a.run"), str(tmp_path / "a.qrels")]
    words = ["look", str(corpus), *files, "--depth", "2", "--judge", *files]
    monkeypatch.setattr("sys.argv", words)
    main()
    said = capsys.readouterr().out
    assert f"{SCORE}, training: R@1 0.000" in said or f"{SCORE}, training: R@1 1.000" in said
    assert "form, training: R@1 1.000  R@5 1.000  MRR@10 1.000" in said
    assert "both, judged: R@1 1.000" in said
    assert "ends a sentence: +" in said
    monkeypatch.setattr("sys.argv", [*words, "--marks", "over 100 words"])
    main()
    said = capsys.readouterr().out
    assert "form, training: R@1 1.000" not in said
    assert "ends a sentence" not in said
    monkeypatch.setattr("sys.argv", [*words, "--marks", "over 100 words,colour"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "--marks: no mark 'colour'; known: begins with a capital," in capsys.readouterr().err
    monkeypatch.setattr("sys.argv", [*words, "--depth", "3"])
    with pytest.raises(SystemExit):
        main()
    assert "no judged question has 3 hits; try a smaller --depth" in capsys.readouterr().err
    write_run(tmp_path / "a.run", {"q0": [Hit("0", 0.5), Hit("elsewhere", 0.4)]}, "sentence")
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit):
        main()
    assert "passage 'elsewhere' is not in the corpus" in capsys.readouterr().err
