from __future__ import annotations

from pathlib import Path

import pytest

from odqa.api import resolve_pipelines
from odqa.errors import SpecErrors
from odqa.execution.explain import QUESTIONS
from odqa.spec.benchmark import is_benchmark, load_benchmark

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.usefixtures("toys")

ONE = "name: one\nretriever: {type: overlap}\n"
BENCH = """\
name: bench
data: {corpus: passages.tsv, questions: dev.jsonl}
pipelines: [one.yaml, embedded/bm25]
baseline: bm25
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "one.yaml").write_text(ONE)
    (tmp_path / "bench.yaml").write_text(BENCH)
    return tmp_path


def test_the_embedded_benchmark_is_what_runs_when_nothing_is_named() -> None:
    bench = load_benchmark(ROOT / "eval" / "embedded.yaml")
    assert list(bench.specs) == resolve_pipelines(())
    assert (bench.keys.data.corpus, bench.keys.data.questions) == ("embedded", "embedded")


def refusal(path: Path, *overrides: str) -> list[str]:
    with pytest.raises(SpecErrors) as caught:
        load_benchmark(path, overrides)
    return str(caught.value).splitlines()


def test_a_good_benchmark(folder: Path) -> None:
    bench = load_benchmark(folder / "bench.yaml", ["retriever.k=9"])
    assert [spec.name for spec in bench.specs] == ["one", "bm25"]
    assert {spec.retriever.k for spec in bench.specs} == {9}
    assert (bench.folder, bench.keys.latency) == (folder, 20)
    changed = bench.changed(latency=0, baseline=("one",))
    assert (changed.keys.latency, changed.keys.baseline) == (0, ("one",))
    assert (
        changed.keys.explain,
        bench.changed(latency=1, baseline=None, explain=0).keys.explain,
    ) == (
        QUESTIONS,
        0,
    )
    assert bench.changed(latency=None, baseline=None) == bench


def test_what_is_inherited_stays_relative_to_the_file_that_says_it(folder: Path) -> None:
    child = folder / "deeper" / "child.yaml"
    child.parent.mkdir()
    child.write_text("extends: ../bench.yaml\nname: child\ndata: {take: 5}\nlatency: 3\n")
    bench = load_benchmark(child)
    assert bench.folder.resolve() == folder.resolve()
    assert [spec.name for spec in bench.specs] == ["one", "bm25"]
    assert (bench.keys.data.take, bench.keys.latency) == (5, 3)


def test_problems_of_benchmark_and_pipelines_come_together(folder: Path) -> None:
    bad = folder / "bench.yaml"
    bad.write_text(BENCH.replace("questions", "qestions"))
    (folder / "one.yaml").write_text(ONE.replace("overlap", "overlaps"))
    lines = refusal(bad)
    assert lines[0] == f"{bad}:2: data.questions: this key is missing; add it"
    assert "unknown key 'qestions'; did you mean 'questions'?" in lines[1]
    assert f"{folder / 'one.yaml'}:2: retriever.type: unknown retriever type 'overlaps'" in lines[2]
    assert len(lines) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("bm25\n", "bm26\n"), "bench.yaml:4: baseline: no pipeline is named 'bm26'; did you mean"),
        (("[one.yaml, embedded/bm25]", "[]"), "bench.yaml:3: pipelines: no pipelines; name one"),
        (("[one.yaml, embedded/bm25]", "one.yaml"), "bench.yaml:3: pipelines: expected a list"),
        (("one.yaml", "bench.yaml"), "unknown key 'pipelines'"),
        (("one.yaml", "gone.yaml"), "gone.yaml: no such spec file"),
        (("name: bench", "name: bench\nlatency: -1"), "bench.yaml:2: latency: expected greater"),
    ],
)
def test_bad_benchmarks_are_one_line(folder: Path, change: tuple[str, str], message: str) -> None:
    path = folder / "bench.yaml"
    path.write_text(BENCH.replace(*change))
    assert any(message in line for line in refusal(path)), refusal(path)


def test_is_benchmark(folder: Path) -> None:
    assert is_benchmark(folder / "bench.yaml")
    assert not is_benchmark(folder / "one.yaml")
    assert not is_benchmark("embedded/bm25")
    (folder / "broken.yaml").write_bytes(b"\xff")
    assert not is_benchmark(folder / "broken.yaml")


def test_an_oracle_is_a_key(folder: Path) -> None:
    path = folder / "bench.yaml"
    assert load_benchmark(path).keys.oracle is None
    assert load_benchmark(path).changed(latency=1, baseline=None, oracle="retriever").keys.oracle
    path.write_text(BENCH + "oracle: retriever\n")
    assert load_benchmark(path).keys.oracle == "retriever"
    path.write_text(BENCH + "oracle: reader\n")
    assert "bench.yaml:5: oracle: 'reader' is not a value of this key" in refusal(path)[0]
    path.write_text(BENCH.replace("dev.jsonl}", "dev.jsonl, matching: regexp}"))
    assert "data.matching: 'regexp' is not a value of this key; did you mean" in refusal(path)[0]


def test_metrics_are_chosen_by_name(folder: Path) -> None:
    path = folder / "bench.yaml"
    path.write_text(f"{BENCH}metrics: [equivalent, nDCG@20]\n")
    assert load_benchmark(path).keys.metrics == ("equivalent", "nDCG@20")
    path.write_text(f"{BENCH}metrics:\n  - em\n  - equivalnt\n")
    (line,) = refusal(path)
    assert line.startswith(
        f"{path}:7: metrics.1: unknown metric 'equivalnt'; did you mean 'equivale"
    )


@pytest.mark.parametrize(
    ("baseline", "lines"),
    [
        ("[bm25, one]", []),
        ("[bm25]", []),
        (
            "[bm25, on]",
            ["bench.yaml:4: baseline.1: no pipeline is named 'on'; did you mean 'one'?"],
        ),
        ("[one, one]", ["bench.yaml:4: baseline.1: 'one' is named twice; name it once"]),
        ("[]", ["bench.yaml:4: baseline: expected at least 1, got"]),
        ("3", ["bench.yaml:4: baseline: expected a list, got 3"]),
    ],
)
def test_several_baselines(folder: Path, baseline: str, lines: list[str]) -> None:
    text = BENCH.replace("baseline: bm25", f"baseline: {baseline}")
    (folder / "bench.yaml").write_text(text)
    if not lines:
        assert load_benchmark(folder / "bench.yaml").keys.baseline
        return
    found = refusal(folder / "bench.yaml")
    assert len(found) == 1 and lines[0] in found[0], found
