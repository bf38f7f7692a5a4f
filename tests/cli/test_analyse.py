"""``odqa analyse``: every command over files of a user, and what is wrong with them in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from odqa.cli.main import main
from odqa.data.trec import write_run
from odqa.types import Hit

SURFACE_FORM = ("surface-form", "corpus.tsv", "a.run", "a.qrels")
EVALUATED = ("--evaluate", "b.run", "a.qrels")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A corpus whose relevant passages end a sentence, two runs, qrels and a run folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ODQA_CACHE", str(tmp_path / "cache"))
    texts = ["House and then it went", "A house stands here."]
    rows = [f"{i}\t{texts[i % 2]}\tHouse" for i in range(12)]
    Path("corpus.tsv").write_text("\n".join(["id\ttext\ttitle", *rows]) + "\n", encoding="utf-8")
    retrieved = {f"q{q}": [Hit(f"{2 * q}", 0.5), Hit(f"{2 * q + 1}", 0.25)] for q in range(6)}
    ranked = {
        q: [Hit(hits[1].passage_id, 3.0), Hit(hits[0].passage_id, 2.0)]
        for q, hits in retrieved.items()
    }
    write_run(Path("a.run"), retrieved, "sentence")
    write_run(Path("b.run"), ranked, "colbert")
    qrels = "".join(f"q{q} 0 {2 * q + 1} 1\n" for q in range(6))
    Path("a.qrels").write_text(qrels, encoding="utf-8")
    folder = Path("run/pipelines/sentence")
    folder.mkdir(parents=True)
    write_run(folder / "retrieved.trec", retrieved, "sentence")
    return tmp_path


def analyse(*args: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Exit code of ``odqa analyse ARGS``."""
    monkeypatch.setattr(sys, "argv", ["odqa", "analyse", *args])
    with pytest.raises(SystemExit) as caught:
        main()
    return int(caught.value.code or 0)


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("args", "lines"),
    [
        (
            ("agreement", "a.run", "b.run"),
            ["6 questions: rank correlation -1.0000 (least -1.0000), the same first passage in "],
        ),
        (
            ("interpolation", "a.run", "b.run", "a.qrels", "--weights", "0,8"),
            ["0: R@1 1.000  R@5 1.000  MRR@10 1.000\n", "8: R@1 0.000  R@5 1.000  MRR@10 0.500\n"],
        ),
        (
            ("interpolation", "a.run", "b.run", "a.qrels", "--applied-weight", "8"),
            ["0: R@1 1.000  R@5 1.000  MRR@10 1.000\n"],
        ),
        (
            (*SURFACE_FORM, "--depth", "2"),
            ["form, cross-validated: R@1 1.000", "\nends a sentence: +", "hundreds of words: "],
        ),
        (
            (*SURFACE_FORM, "--depth", "2", *EVALUATED, "--features", "ends a sentence"),
            ["both, evaluated: R@1 1.000", "ends a sentence: +"],
        ),
        (
            ("pool", "run", "sentence", "corpus.tsv", "--out", "pool", "--k", "1"),
            ["pool: 6 passages, 6 questions"],
        ),
    ],
)
def test_commands(
    args: tuple[str, ...],
    lines: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert analyse(*args, monkeypatch=monkeypatch) == 0
    printed = capsys.readouterr().out
    for line in lines:
        assert line in printed


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("args", "line"),
    [
        (("agreement", "a.run", "none.run"), "none.run: no such file"),
        (("agreement", "a.run"), "Missing argument"),
        (("interpolation", "a.run", "b.run", "a.run"), "a.run:1: 6 columns instead of 4"),
        (
            ("interpolation", "a.run", "b.run", "a.qrels", "--weights", "0,x"),
            "--weights: 'x' is not a finite number; give numbers with commas between them",
        ),
        (
            SURFACE_FORM,
            "a.run: no judged question has 20 hits; try a smaller --depth",
        ),
        (
            ("surface-form", "none.tsv", "a.run", "a.qrels", "--depth", "2"),
            "none.tsv: no such file",
        ),
        (
            (*SURFACE_FORM, "--features", "colour"),
            "--features: no feature 'colour'; known: begins with a capital,",
        ),
        (
            ("pool", "nowhere", "sentence", "corpus.tsv", "--out", "pool"),
            "nowhere: is no run folder; pass one that odqa run or odqa compare finished",
        ),
        (
            ("pool", "run", "sentense", "corpus.tsv", "--out", "pool"),
            "run: no pipeline 'sentense'; did you mean 'sentence'?",
        ),
    ],
)
def test_what_is_wrong_is_one_line(
    args: tuple[str, ...],
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert analyse(*args, monkeypatch=monkeypatch) == 2
    printed = capsys.readouterr()
    assert f"odqa: {line}" in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""


def test_help_lists_the_commands_and_loads_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['odqa', 'analyse', '--help']\n"
        "from odqa.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'pandas', 'scipy', 'numpy', 'pyarrow'} & set(sys.modules)))"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert process.stdout.strip().endswith("[]"), process.stdout[-200:]
    for command in ("agreement", "interpolation", "surface-form", "gold-form", "pool"):
        assert f"\n  {command} " in process.stdout
