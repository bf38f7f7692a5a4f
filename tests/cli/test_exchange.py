"""From run folders to one comparison, to other tools' files, and back in, by commands."""

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

Command = Callable[..., str]

SPEC = "name: {}\nretriever: {{type: overlap, k: 3, weight: {}}}\nreader: {{type: first_word}}\n"


@pytest.fixture
def odqa(toys: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """A function from the arguments of a command to its output; errors are raised."""
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

    def call(*args: str) -> str:
        result = CliRunner().invoke(app, list(args))
        if result.exception is not None:
            raise result.exception
        return result.output

    return call


def run_folder(odqa: Command, name: str, *more: str) -> Path:
    """The folder of a run of one spec."""
    out = Path("runs", name)
    odqa("run", f"{name}.yaml", "-d", "set/dev", "--mlflow", "off", "--out", str(out), *more)
    (folder,) = out.iterdir()
    return folder


def test_run_folders_become_one_comparison(odqa: Command, tmp_path: Path) -> None:
    good, blind = str(run_folder(odqa, "good")), str(run_folder(odqa, "blind"))
    args = ("compare", good, blind, "--mlflow", "off", "--out", "both")
    printed = odqa(*args, "--baseline", "blind")
    assert "good has the highest em, 0.667, against 0.000 of the baseline blind" in printed
    (folder,) = (tmp_path / "both").iterdir()
    assert list(Comparison.load(folder).pipelines) == ["good", "blind"]
    assert (folder / "report.html").is_file()
    for more_args, line in (
        (("--take", "2"), "--take: finished runs stay as they are"),
        (("--data", "x/y"), "--data: finished runs stay as they are"),
        (("--oracle", "retriever"), "--oracle: finished runs stay as they are"),
        (("good.yaml",), "good.yaml: is no run folder, and finished runs are compared"),
    ):
        with pytest.raises(RunError, match=line):
            odqa(*args, *more_args)
    assert len(list((tmp_path / "both").iterdir())) == 1


def test_a_run_goes_out_and_comes_in(odqa: Command, tmp_path: Path) -> None:
    folder = str(run_folder(odqa, "good"))
    for form in ("trec", "qrels", "dpr", "squad", "nq-open"):
        to = tmp_path / form
        (line,) = odqa("export", folder, "--format", form, "--to", str(to)).split()
        assert Path(line).parent == to and Path(line).stat().st_size
    overrides = ("--set", "retriever.type=run", "--set", "retriever.path=dpr/good.json")
    overrides += ("--set", "reader.type=predictions", "--set", "reader.path=squad/good.json")
    again = Comparison.load(run_folder(odqa, "blind", *overrides))
    assert again.values("blind", "em") == {"q1": 1.0, "q2": 1.0, "q3": 0.0}
    to = ("--to", str(tmp_path / "whole"), "--format", "dpr")
    odqa("export", folder, *to, "--data", "set/dev")
    with pytest.raises(DataError, match="embedded has other passages than the run"):
        odqa("export", folder, *to, "--data", "embedded")


def test_an_oracle_by_flag_and_by_benchmark(odqa: Command, tmp_path: Path) -> None:
    comparison = Comparison.load(run_folder(odqa, "blind", "--oracle", "retriever"))
    assert comparison.values("oracle+blind", "em") == {"q1": 1.0, "q2": 1.0, "q3": 0.0}
    Path("bench.yaml").write_text(
        "name: bench\ndata: {corpus: set/passages.tsv, questions: set/dev.jsonl,"
        " qrels: set/dev.qrels}\npipelines: [good.yaml, blind.yaml]\nbaseline: blind\n"
        "oracle: retriever\nlatency: 0\n"
    )
    printed = odqa("compare", "bench.yaml", "--mlflow", "off", "--out", "bench")
    assert printed.startswith(
        "With gold passages in place of retrieval: oracle+good and oracle+blind"
    )
    assert "these figures are ceilings" in printed
    (folder,) = (tmp_path / "bench").iterdir()
    assert Comparison.load(folder).baseline == "oracle+blind"
