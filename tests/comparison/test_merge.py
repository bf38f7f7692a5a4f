from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from odqa.cache import Cache
from odqa.comparison.folder import save
from odqa.comparison.merge import is_run_folder, merge
from odqa.comparison.result import Comparison
from odqa.comparison.run import run_comparison
from odqa.comparison.verdict import MACHINES, notices
from odqa.data.dataset import Dataset
from odqa.errors import RunError
from odqa.metrics.statistics.pairs import compare_pairs
from odqa.report.page import render_page
from odqa.report.terminal.render import render
from odqa.spec.pipeline import parse_pipeline
from odqa.testing.toys import toy_components, toy_dataset

with toy_components():
    GOOD = parse_pipeline(
        "{name: good, retriever: {type: overlap, k: 3}, ranker: {type: overlap, k: 2},"
        " reader: {type: first_word}}"
    )
    FIRST = parse_pipeline(
        "{name: first, retriever: {type: overlap, k: 3}, reader: {type: first_word}}"
    )
    BLIND = parse_pipeline(
        "{name: good, retriever: {type: overlap, k: 3, weight: 0}, reader: {type: first_word}}"
    )

pytestmark = pytest.mark.usefixtures("toys")


@pytest.fixture
def cache(toys: None, tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def saved_run(
    folder: Path, cache: Cache, *specs: object, data: Dataset | None = None
) -> Comparison:
    """A run folder, read back."""
    comparison = run_comparison(list(specs), data or toy_dataset(), cache)  # type: ignore[arg-type]
    save(comparison, folder)
    return Comparison.load(folder)


def test_two_runs_are_what_one_would_have_been(cache: Cache, tmp_path: Path) -> None:
    runs = [saved_run(tmp_path / "a", cache, GOOD), saved_run(tmp_path / "b", cache, FIRST)]
    expected = run_comparison([GOOD, FIRST], toy_dataset(), cache)
    merged = merge(runs)
    assert sorted(merged.rows, key=repr) == sorted(expected.rows, key=repr)
    assert merged.questions == expected.questions and merged.qrels == expected.qrels
    assert (merged.name, merged.baseline, list(merged.pipelines)) == (
        "toy",
        "good",
        ["good", "first"],
    )
    assert merged.passages == expected.passages
    assert compare_pairs(merged.rows, "good", "em") == compare_pairs(expected.rows, "good", "em")
    assert merged.manifest["specs"] == expected.manifest["specs"]
    assert merged.manifest["dataset"] == expected.manifest["dataset"]
    assert set(merged.manifest["merged"]) == {"a", "b"}
    assert merge(runs, baseline="first").baseline == "first"
    save(merged, tmp_path / "merged")
    assert Comparison.load(tmp_path / "merged") == merged
    assert "good" in render(merged)
    assert "Put together from the finished runs a, b;" in render_page(merged)


def test_names_that_clash_get_their_folders_name(cache: Cache, tmp_path: Path) -> None:
    one = saved_run(tmp_path / "x" / "old run", cache, GOOD, FIRST)
    two = saved_run(tmp_path / "y" / "old run", cache, BLIND)
    merged = merge([one, two])
    assert list(merged.pipelines) == ["old-run.good", "first", "old-run-2.good"]
    assert merged.baseline == "old-run.good"
    assert merged.values("old-run.good", "em") == {"q1": 1.0, "q2": 1.0, "q3": 0.0}
    assert merged.values("old-run-2.good", "em") == {"q1": 0.0, "q2": 0.0, "q3": 0.0}
    assert [r.spec.name for r in merged.pipelines.values()] == list(merged.pipelines)
    assert merged.result("first").costs[0].shared_with == ("old-run.good",)
    save(merged, tmp_path / "merged")
    assert Comparison.load(tmp_path / "merged") == merged


def test_other_data_is_refused_in_one_line(cache: Cache, tmp_path: Path) -> None:
    data = toy_dataset()
    one = saved_run(tmp_path / "a", cache, GOOD)
    others = {
        r"it has 2 questions, of which 2 are among the 3 of .*a; compare": data.take(2),
        "it has other qrels than those of": replace(data, qrels={"q1": {"p1": 1}}),
        "it has another way to judge answers than that of": replace(data, matching="regex"),
    }
    for number, (line, other) in enumerate(others.items()):
        two = saved_run(tmp_path / f"b{number}", cache, FIRST, data=other)
        with pytest.raises(RunError, match=f"b{number}: {line}"):
            merge([one, two])
    other_corpus = {**one.manifest, "dataset": {**one.manifest["dataset"], "corpus": "other"}}
    two = replace(one, manifest=other_corpus, folder=tmp_path / "c")
    with pytest.raises(RunError, match="over another corpus than that of"):
        merge([one, two])
    with pytest.raises(RunError, match="a: this run is given twice"):
        merge([one, Comparison.load(tmp_path / "a")])
    with pytest.raises(RunError, match="baseline: no pipeline 'god'; did you mean 'good'"):
        merge([one], baseline="god")
    with pytest.raises(RunError, match="no runs to compare"):
        merge([])


def test_runs_of_other_machines_say_so(cache: Cache, tmp_path: Path) -> None:
    one, two = saved_run(tmp_path / "a", cache, GOOD), saved_run(tmp_path / "b", cache, FIRST)
    assert MACHINES not in notices(merge([one, two]))
    elsewhere = {**two.manifest, "machine": {"system": "Other", "cores": 1}}
    assert MACHINES in notices(merge([one, replace(two, manifest=elsewhere)]))


def test_built_in_names_are_no_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "retro").mkdir()
    assert not is_run_folder("retro") and is_run_folder("./retro") and not is_run_folder("none")
