"""Every combination of the values of a grid becomes a pipeline with a name of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from odqa.errors import SpecErrors
from odqa.spec.benchmark import is_benchmark, load_benchmark
from odqa.spec.factors import Grid
from odqa.spec.grid import MOST_COMBINATIONS, axes_of_texts, axes_of_values, load_grid
from odqa.spec.pipeline import PipelineSpec, parse_pipeline
from odqa.spec.source import Source

pytestmark = pytest.mark.usefixtures("toys")

ONE = "name: one\nretriever: {type: overlap, k: 7}\nranker: {type: overlap, k: 3, weight: 2.0}\n"
OVERLAP = {"type": "overlap"}


@pytest.fixture
def one(tmp_path: Path) -> Path:
    path = tmp_path / "one.yaml"
    path.write_text(ONE)
    return path


def made(
    refs: list[Any], *texts: str, overrides: tuple[str, ...] = ()
) -> tuple[dict[str, PipelineSpec], Grid]:
    specs, grid = load_grid(refs, axes_of_texts(texts), overrides)
    return {spec.name: spec for spec in specs}, grid


def refusal(refs: list[Any], *texts: str, overrides: tuple[str, ...] = ()) -> list[str]:
    with pytest.raises(SpecErrors) as caught:
        made(refs, *texts, overrides=overrides)
    return str(caught.value).splitlines()


def test_all_combinations_of_keys(one: Path) -> None:
    specs, grid = made([one], "retriever.k=[4, 5]", "ranker.weight=[0.5, 1.0]")
    assert {
        name: (s.retriever.k, s.ranker.config.weight, s.ranker.k) for name, s in specs.items()
    } == {
        "retriever.k4-ranker.weight0.5": (4, 0.5, 3),
        "retriever.k4-ranker.weight1": (4, 1.0, 3),
        "retriever.k5-ranker.weight0.5": (5, 0.5, 3),
        "retriever.k5-ranker.weight1": (5, 1.0, 3),
    }
    assert [f.key for f in grid.factors] == ["retriever.k", "ranker.weight"]
    assert grid.points["retriever.k5-ranker.weight0.5"] == ("5", "0.5")
    assert specs["retriever.k5-ranker.weight1"].description == "retriever.k 5, ranker.weight 1"


def test_a_slot_is_replaced_whole_and_a_key_counts_where_its_stage_is() -> None:
    cascade = "[{type: overlap, k: 9, id: wide}, {type: overlap, k: 2, id: narrow}]"
    specs, grid = made(
        [],
        "ranker.k=[4, 5]",
        f"ranker=[null, overlap, {cascade}]",
        "retriever=[{type: overlap, k: 8}]",
        "ranker.1.k=[1, 2]",
    )
    # The k of a ranker is that of a single one, ranker.1.k that of a cascade's second.
    assert list(specs) == [
        "none",
        "ranker.k4-overlap",
        "wide-narrow-ranker.1.k1",
        "wide-narrow-ranker.1.k2",
        "ranker.k5-overlap",
    ]
    assert specs["none"].ranker is None
    assert specs["ranker.k5-overlap"].ranker.config.weight == 1.0  # its default, not a base's
    narrow = specs["wide-narrow-ranker.1.k1"].ranker.leaves()
    assert [leaf.k for leaf in narrow] == [9, 1]
    assert grid.points["wide-narrow-ranker.1.k2"] == (None, "wide-narrow", "overlap", "2")


def test_keys_inside_of_a_fusion() -> None:
    fused = "{fuse: [{type: overlap, k: 9, id: a}, {type: overlap, k: 8, id: b}]}"
    specs, _ = made([], f"retriever=[{fused}, overlap]", "retriever.fuse.0.k=[3, 4]")
    assert list(specs) == ["a+b-retriever.fuse.0.k3", "a+b-retriever.fuse.0.k4", "overlap"]
    ks = [[leaf.k for leaf in spec.retriever.leaves()][:2] for spec in specs.values()]
    assert ks[:2] == [[3, 8], [4, 8]]


def test_a_new_type_resets_the_stage_as_set_does(one: Path) -> None:
    specs, _ = made([one], "ranker.type=[overlap, colbert]", "ranker.k=[1, 2]")
    assert specs["ranker.type-overlap-ranker.k1"].ranker.config.weight == 2.0
    assert specs["ranker.type-colbert-ranker.k2"].ranker.k == 2


def test_several_bases_are_a_factor(one: Path, tmp_path: Path) -> None:
    two = tmp_path / "two.yaml"
    two.write_text("name: two\nretriever: {type: overlap}\n")
    specs, grid = made([one, two], "ranker.k=[1, 2]")
    assert list(specs) == ["one-ranker.k1", "one-ranker.k2", "two"]
    assert grid.points["two"] == ("two", None)
    assert grid.factors[0].key == "pipeline" and grid.factors[0].levels == ("one", "two")


def test_overrides_hold_for_all_and_cannot_undo_the_grid(one: Path) -> None:
    specs, _ = made([one], "ranker.k=[1, 2]", overrides=("retriever.k=50",))
    assert {spec.retriever.k for spec in specs.values()} == {50}
    for text in ("ranker.k=5", "ranker=null", "ranker.type=overlap"):
        (line,) = refusal([one], "ranker.k=[1, 2]", overrides=(text,))
        assert line == f"--set {text}: the grid varies 'ranker.k'; leave one of them out"


def test_names_tell_what_differs_and_are_short_and_unique() -> None:
    long = "x" * 70
    values = [{**OVERLAP, "id": f"{long}{n}", "k": n} for n in (1, 2)]
    axes = axes_of_values({"retriever": values, "ranker": [OVERLAP | {"id": long}, None]})
    names = [spec.name for spec in load_grid([], axes)[0]]
    assert len(set(names)) == 4 and max(map(len, names)) <= 100
    weights = [{**OVERLAP, "weight": w, "k": 5} for w in (0.5, 2.0)]
    specs, _ = load_grid([], axes_of_values({"retriever": weights}))
    assert [spec.name for spec in specs] == ["overlap-weight0.5", "overlap-weight2"]


def test_the_parts_of_long_names_stay_apart() -> None:
    keys = {"retriever": [OVERLAP], **{f"ranker.{n}.weight": [0.111, 0.222] for n in range(5)}}
    base = Source({"ranker": [{**OVERLAP, "id": f"r{n}"} for n in range(5)]}, {}, "base")
    names = [spec.name for spec in load_grid([base], axes_of_values(keys))[0]]
    assert len(set(names)) == 32 and max(map(len, names)) <= 100


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (
            ["ranker.k"],
            "--grid ranker.k: expected key=[value, …]; write --grid ranker.k=[10,20,50]",
        ),
        (["ranker.k=5"], "--grid ranker.k=5: expected a list of values; write [10, 20, 50]"),
        (["ranker.k=[]"], "--grid ranker.k=[]: expected a list of values; write [10, 20, 50]"),
        (["ranker.k=[1, 1]"], "--grid ranker.k=[1, 1]: 1 stands twice in the list"),
        (["ranker.k=[1, 2"], "broken YAML"),
        (["rankr.k=[1]"], "a pipeline has no 'rankr.k'; did you mean 'ranker'?"),
        (["ranker..k=[1]"], "a pipeline has no 'ranker..k'"),
        (["ranker.k=[1]", "ranker.k=[2]"], "--grid ranker.k=[2]: 'ranker.k' is varied twice"),
        (["reader.k=[1, 2]"], "no pipeline of the grid has 'reader.k'"),
        (["ranker.1.k=[1, 2]"], "no pipeline of the grid has 'ranker.1.k'"),
        (
            ["ranker.kk=[1, 2]"],
            "--grid ranker.kk=[1, 2]: ranker.kk: unknown key 'kk'; did you mean",
        ),
        (["ranker=[overlaps]"], "ranker.type: unknown ranker type 'overlaps'"),
        (["ranker.k=[1, 0]"], "ranker.k: expected greater than or equal to 1, got 0"),
    ],
)
def test_what_is_wrong_is_one_line(one: Path, texts: list[str], message: str) -> None:
    lines = refusal([one], *texts)
    assert len(lines) == 1 and message in lines[0]


def test_all_problems_come_at_once(one: Path) -> None:
    lines = refusal([one], "ranker.k=[0, 2]", "retriever.k=[-1, 3]", "ranker.weight=[1.0, x]")
    assert len(lines) == 3  # not one for each of eight combinations
    assert len(refusal([one, "gone.yaml"], "ranker.k=[1, 2]", overrides=("ranker.k=1",))) == 2


def test_too_many_combinations_are_refused_before_any_is_made(one: Path) -> None:
    numbers = ", ".join(map(str, range(1, 60)))
    (line,) = refusal([one], f"ranker.k=[{numbers}]", f"retriever.k=[{numbers}]")
    assert f"3,481 combinations, more than the {MOST_COMBINATIONS}" in line


def test_bases_of_one_name_are_refused(one: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(ONE)
    lines = refusal([one, other], "ranker.k=[1, 2]")
    assert "two pipelines are named 'one'" in lines[0]


def test_specs_of_python_can_be_bases() -> None:
    spec = parse_pipeline(ONE)
    specs, _ = load_grid([Source(spec.to_dict(), {}, "one")], axes_of_values({"ranker.k": (1, 2)}))
    assert [s.ranker.k for s in specs] == [1, 2]
    with pytest.raises(SpecErrors, match="an empty grid"):
        axes_of_values({})


def test_a_grid_survives_json() -> None:
    _, grid = made([], "retriever=[overlap, {type: overlap, k: 3}]", "ranker=[null, overlap]")
    assert Grid.from_dict(grid.to_dict()) == grid
    first = next(iter(grid.points))
    assert grid.renamed({first: "oracle+x"}).points["oracle+x"] == grid.points[first]


BENCH = """\
name: bench
data: {corpus: passages.tsv, questions: dev.jsonl}
grid:
  retriever: [overlap, {type: overlap, k: 3}]
  ranker:
    - null
    - {type: overlap, k: 2}
"""


def test_a_benchmark_with_a_grid(tmp_path: Path, one: Path) -> None:
    path = tmp_path / "bench.yaml"
    path.write_text(BENCH + "baseline: overlap-k3\n")
    assert is_benchmark(path)
    bench = load_benchmark(path)
    assert bench.grid is not None and list(bench.grid.points) == [s.name for s in bench.specs]
    assert len(bench.specs) == 4
    assert bench.keys.baseline == ("overlap-k3",) and "overlap-k3" in bench.grid.points
    both = load_benchmark(path, grid=["ranker.weight=[1.0, 2.0]"])
    assert len(both.specs) == 6
    path.write_text(BENCH + "pipelines: [one.yaml]\n")
    assert len(load_benchmark(path).specs) == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("k: 2", "k: none"), "bench.yaml:7: ranker.k: expected a whole number"),
        (("{type: overlap, k: 3}", "{type: overlaps}"), "bench.yaml:4: retriever.type: unknown"),
        (("  ranker:", "  rankers:"), "bench.yaml:5: grid.rankers: a pipeline has no 'rankers'"),
        (("  retriever: [overlap,", "  retriever: [overlap, overlap,"), "'overlap' stands twice"),
        (("  retriever: [overlap, {type: overlap, k: 3}]", "  retriever: 3"), "expected a list"),
        (("retriever: [overlap, {type: overlap, k: 3}]", "device: [cpu]"), "no retriever"),
    ],
)
def test_a_wrong_grid_names_file_and_line(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    path = tmp_path / "bench.yaml"
    path.write_text(BENCH.replace(*change))
    with pytest.raises(SpecErrors) as caught:
        load_benchmark(path)
    assert any(message in line for line in str(caught.value).splitlines()), str(caught.value)


def test_a_key_is_not_varied_by_file_and_command(tmp_path: Path) -> None:
    path = tmp_path / "bench.yaml"
    path.write_text(BENCH)
    with pytest.raises(SpecErrors, match="the benchmark varies 'ranker' too"):
        load_benchmark(path, grid=["ranker=[null]"])
