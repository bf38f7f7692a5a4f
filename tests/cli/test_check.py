"""``odqa check`` and ``odqa reproduce`` as a user calls them, on a corpus of four passages."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from odqa.cli.main import main
from odqa.comparison.result import Comparison
from odqa.testing.toys import PASSAGES, QRELS, QUESTIONS
from odqa.testing.word_overlap import OverlapRetriever

pytestmark = pytest.mark.usefixtures("toys")

BENCH = """\
name: toy
data: {corpus: passages.tsv, questions: dev.jsonl, qrels: dev.qrels}
pipelines: [good.yaml]
latency: 1
"""
SPEC = "{name: good, retriever: {type: overlap, k: 3}, reader: {type: first_word}}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    lines = ["id\ttext\ttitle\n", *(f"{p.id}\t{p.text}\t{p.title}\n" for p in PASSAGES)]
    (tmp_path / "passages.tsv").write_text("".join(lines))
    rows = ({"id": q.id, "question": q.text, "answer": list(q.answers)} for q in QUESTIONS)
    (tmp_path / "dev.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    judgements = (f"{q} 0 {p} {n}\n" for q, grades in QRELS.items() for p, n in grades.items())
    (tmp_path / "dev.qrels").write_text("".join(judgements))
    (tmp_path / "good.yaml").write_text(SPEC)
    (tmp_path / "toy.yaml").write_text(BENCH)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ODQA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ODQA_PROGRESS", "0")
    monkeypatch.setenv("TRANSFORMERS_VERBOSITY", "error")
    return tmp_path


@pytest.fixture
def odqa(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    def call(*args: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["odqa", *args])
        with pytest.raises(SystemExit) as caught:
            main()
        printed = capsys.readouterr()
        return int(caught.value.code or 0), printed.out + printed.err

    return call


def only(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def backwards(self: object, questions: list[object], k: int) -> object:
    """What a retriever with a mistake in it returns: the worst first."""
    hits_of_questions = RETRIEVE(self, questions, k)  # type: ignore[arg-type]
    return [[type(h)(h.passage_id, -h.score) for h in reversed(hits)] for hits in hits_of_questions]


RETRIEVE = OverlapRetriever.retrieve


def test_scores_are_written_checked_and_found_moved(
    folder: Path,
    odqa,  # type: ignore[no-untyped-def]
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert odqa("check", "toy.yaml")[0] == 2  # nothing is expected yet
    code, printed = odqa("check", "toy.yaml", "--write", "--allow", "0", "--out", "first")
    assert code == 0 and "toy.expected.yaml: 8 expected scores" in printed
    code, printed = odqa("check", "toy.yaml")
    assert code == 0 and "8 of 8 scores are as toy.expected.yaml expects, 0 moved" in printed
    # The cache holds results of both runs by now; a check does not believe them.
    monkeypatch.setattr(OverlapRetriever, "retrieve", backwards)
    code, printed = odqa("check", "toy.yaml", "--out", "second")
    assert code == 1
    assert (
        "good retrieved_recall@1: 0.0000, expected 1.0000 [1.0000, 1.0000], moved by -1" in printed
    )
    code, again = odqa("check", str(only(folder / "second")), "--expected", "toy.expected.yaml")
    assert code == 1 and again in printed
    assert odqa("check", str(only(folder / "first")), "--expected", "toy.expected.yaml")[0] == 0


def test_a_run_is_reproduced_or_its_differences_are_printed(
    folder: Path,
    odqa,  # type: ignore[no-untyped-def]
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert odqa("compare", "toy.yaml", "--take", "2", "--mlflow", "off")[0] == 0
    run = str(only(folder / "runs"))
    monkeypatch.chdir("/")
    code, printed = odqa("reproduce", run, "--out", str(folder / "again"))
    assert code == 0 and printed.startswith("reproduced: all ")
    again = Comparison.load(only(folder / "again"))
    assert len(again.questions) == 2 and not again.result("good").costs[0].reused
    assert again.result("good").latency is not None
    monkeypatch.setattr(OverlapRetriever, "retrieve", backwards)
    cache = str(folder / "cache")
    code, printed = odqa("reproduce", run, "--out", str(folder / "third"), "--cache", cache)
    assert code == 1 and printed.startswith("not reproduced: ")
    assert "good retrieved_recall@1: 1.0000 -> 0.0000 (-1.0000), 2 of 2 questions" in printed


def test_data_that_moved_or_changed_are_one_line(folder: Path, odqa) -> None:  # type: ignore[no-untyped-def]
    assert odqa("compare", "toy.yaml", "--mlflow", "off")[0] == 0
    run = str(only(folder / "runs"))
    (folder / "data").mkdir()
    for name in ("passages.tsv", "dev.jsonl", "dev.qrels"):
        (folder / name).rename(folder / "data" / name)
    code, printed = odqa("reproduce", run, "--out", "again")
    assert code == 2 and len(printed.splitlines()) == 1
    assert str(folder / "dev.jsonl") in printed and "--data" in printed
    code, printed = odqa("reproduce", run, "--out", "again", "--data", "data/dev")
    assert code == 0 and printed.startswith("reproduced: all ")
    with (folder / "data" / "passages.tsv").open("a") as file:
        file.write("p9\tone more\tMore\n")
    code, printed = odqa("reproduce", run, "--out", "other", "--data", "data/dev")
    assert code == 2 and len(printed.splitlines()) == 1
    assert "data/dev: corpus changed since the run" in printed and "5 passages" in printed
    assert not (folder / "other").exists()


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (("check", "nope.yaml"), "nope.yaml: no such spec file; did you mean 'toy.yaml'"),
        (("check", "toy.yaml", "--allow", "-1"), "--allow: no interval '-1'"),
        (("check", "."), ".: no run folder"),
        (("reproduce", "."), ".: no run folder"),
    ],
)
def test_wrong_arguments_are_one_line(
    folder: Path,
    odqa,  # type: ignore[no-untyped-def]
    args: tuple[str, ...],
    line: str,
) -> None:
    code, printed = odqa(*args)
    assert code == 2 and line in printed and len(printed.splitlines()) == 1
    assert not (folder / "runs").exists()
