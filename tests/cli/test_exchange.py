"""From run folders to one comparison, to other tools' files, and back in: the words of a shell."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from odqa.cli.main import app
from odqa.comparison.result import Comparison
from odqa.data.qrels import write_qrels
from odqa.errors import DataError, RunError
from odqa.testing.toys import PASSAGES, QRELS, QUESTIONS

pytestmark = pytest.mark.usefixtures("toys")

Words = Callable[..., str]

SPEC = "name: {}\nretriever: {{type: overlap, k: 3, weight: {}}}\nreader: {{type: first_word}}\n"


@pytest.fixture
def words(toys: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Words:
    """A function from the words of a command to what it prints; errors are raised."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ODQA_CACHE", str(tmp_path / "cache"))
    rows = "".join(f"{p.id}\t{p.text}\t{p.title}\n" for p in PASSAGES)
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "passages.tsv").write_text("id\ttext\ttitle\n" + rows)
    lines = ({"id": q.id, "question": q.text, "answer": q.answers} for q in QUESTIONS)
    (tmp_path / "set" / "dev.jsonl").write_text("\n".join(map(json.dumps, lines)))
    write_qrels(tmp_path / "set" / "dev.qrels", QRELS)
    for name, weight in (("good", 1.0), ("blind", 0.0)):
        (tmp_path / f"{name}.yaml").write_text(SPEC.format(name, weight))

    def call(*said: str) -> str:
        done = CliRunner().invoke(app, list(said))
        if done.exception is not None:
            raise done.exception
        return done.output

    return call


def ran(words: Words, name: str, *more: str) -> Path:
    """The folder of a run of one spec."""
    out = Path("runs", name)
    words("run", f"{name}.yaml", "-d", "set/dev", "--mlflow", "off", "--out", str(out), *more)
    (folder,) = out.iterdir()
    return folder


def test_run_folders_become_one_comparison(words: Words, tmp_path: Path) -> None:
    one, two = str(ran(words, "good")), str(ran(words, "blind"))
    both = ("compare", one, two, "--mlflow", "off", "--out", "both")
    said = words(*both, "--baseline", "blind")
    assert "good has the highest em, 0.667, against 0.000 of the baseline blind" in said
    (folder,) = (tmp_path / "both").iterdir()
    assert list(Comparison.load(folder).pipelines) == ["good", "blind"]
    assert (folder / "report.html").is_file()
    for more, line in (
        (("--take", "2"), "--take: finished runs stay as they are"),
        (("--data", "x/y"), "--data: finished runs stay as they are"),
        (("--oracle", "retriever"), "--oracle: finished runs stay as they are"),
        (("good.yaml",), "good.yaml: is no run folder, and finished runs are compared"),
    ):
        with pytest.raises(RunError, match=line):
            words(*both, *more)
    assert len(list((tmp_path / "both").iterdir())) == 1


def test_a_run_goes_out_and_comes_in(words: Words, tmp_path: Path) -> None:
    folder = str(ran(words, "good"))
    for form in ("trec", "qrels", "dpr", "squad", "nq-open"):
        to = tmp_path / form
        (line,) = words("export", folder, "--format", form, "--to", str(to)).split()
        assert Path(line).parent == to and Path(line).stat().st_size
    more = ("--set", "retriever.type=run", "--set", "retriever.path=dpr/good.json")
    more += ("--set", "reader.type=predictions", "--set", "reader.path=squad/good.json")
    again = Comparison.load(ran(words, "blind", *more))
    assert again.values("blind", "em") == {"q1": 1.0, "q2": 1.0, "q3": 0.0}
    to = ("--to", str(tmp_path / "whole"), "--format", "dpr")
    words("export", folder, *to, "--data", "set/dev")
    with pytest.raises(DataError, match="embedded has other passages than the run"):
        words("export", folder, *to, "--data", "embedded")


def test_an_oracle_by_flag_and_by_benchmark(words: Words, tmp_path: Path) -> None:
    found = Comparison.load(ran(words, "blind", "--oracle", "retriever"))
    assert found.values("oracle+blind", "em") == {"q1": 1.0, "q2": 1.0, "q3": 0.0}
    Path("bench.yaml").write_text(
        "name: bench\ndata: {corpus: set/passages.tsv, questions: set/dev.jsonl,"
        " qrels: set/dev.qrels}\npipelines: [good.yaml, blind.yaml]\nbaseline: blind\n"
        "oracle: retriever\nlatency: 0\n"
    )
    said = words("compare", "bench.yaml", "--mlflow", "off", "--out", "bench")
    assert said.startswith("With gold passages in place of retrieval: oracle+good and oracle+blind")
    assert "these figures are ceilings" in said
    (folder,) = (tmp_path / "bench").iterdir()
    assert Comparison.load(folder).baseline == "oracle+blind"
