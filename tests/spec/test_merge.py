from __future__ import annotations

from pathlib import Path

import pytest

from odqa.errors import SpecErrors
from odqa.spec.pipeline import PipelineSpec, load_pipeline, load_pipelines

pytestmark = pytest.mark.usefixtures("toys")

FULL = """\
name: full
retriever: {type: overlap, k: 7}
ranker:
  type: overlap
  weight: 2.5
reader: {type: first_word}
"""
BARE = "name: bare\nretriever: {type: overlap, k: 3}\n"


def write(folder: Path, text: str, name: str) -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def full(tmp_path: Path) -> Path:
    return write(tmp_path, FULL, "full.yaml")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    return write(tmp_path, BARE, "bare.yaml")


def refusal(refs: list[Path], *overrides: str) -> list[str]:
    with pytest.raises(SpecErrors) as caught:
        load_pipelines(refs, overrides)
    return str(caught.value).splitlines()


def ranker(spec: PipelineSpec) -> object:
    return spec.ranker and spec.ranker.config


def test_extends_lays_one_over_another(full: Path, tmp_path: Path) -> None:
    text = "extends: ../full.yaml\nname: child\nranker: {weight: 9}\nreader: null\n"
    spec = load_pipeline(write(tmp_path, text, "deeper/child.yaml"))
    assert (spec.name, spec.retriever.k, spec.reader) == ("child", 7, None)
    assert spec.ranker is not None and spec.ranker.config.weight == 9


def test_a_built_in_spec_can_be_extended_from_anywhere(tmp_path: Path) -> None:
    child = write(tmp_path, "extends: embedded/bm25\nname: mine\nretriever: {k: 5}\n", "child.yaml")
    assert load_pipeline(child).retriever.type == "bm25"
    assert load_pipeline(child).retriever.k == 5


def test_a_problem_inherited_names_the_parent_file(tmp_path: Path) -> None:
    base = write(tmp_path, FULL.replace("k: 7", "k: -1"), "base.yaml")
    child = write(tmp_path, "extends: base.yaml\nname: child\n", "child.yaml")
    assert refusal([child])[0].startswith(f"{base}:2: retriever.k")


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("[a, b]", "expected the path of one spec"),
        ("gone.yaml", "no such spec to extend: 'gone.yaml'"),
        (".", "no such spec to extend: '.'"),
        ("child.yaml", "extends itself through child.yaml; break the circle"),
    ],
)
def test_what_cannot_be_extended_is_one_line(tmp_path: Path, value: str, line: str) -> None:
    child = write(tmp_path, f"name: child\nextends: {value}\n", "child.yaml")
    assert refusal([child])[0].startswith(f"{child}:2: extends: {line}")


def test_extending_in_a_circle_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "extends: b.yaml\nname: a\n", "a.yaml")
    b = write(tmp_path, "extends: a.yaml\nname: b\n", "b.yaml")
    assert "extends itself" in refusal([b])[0]


def test_overrides_set_and_remove(full: Path) -> None:
    spec = load_pipeline(full, ["ranker.k=50", "ranker.weight=1e-5", "reader=null"])
    assert ranker(spec) == type(ranker(spec))(k=50, weight=1e-5)
    assert spec.reader is None


def test_an_override_reaches_the_pipelines_that_have_its_stage(full: Path, bare: Path) -> None:
    with_ranker, without = load_pipelines([full, bare], ["ranker.k=50", "retriever.k=60"])
    assert with_ranker.ranker is not None and with_ranker.ranker.k == 50
    assert without.ranker is None
    assert (with_ranker.retriever.k, without.retriever.k) == (60, 60)


def test_an_override_that_suits_no_pipeline_is_an_error(bare: Path) -> None:
    assert refusal([bare], "ranker.k=50") == [
        "--set ranker.k=50: no pipeline has a ranker; add one: --set ranker.type=…"
    ]
    assert refusal([bare], "reader.x=[1]")[0].startswith("--set reader.x=[1]: no pipeline has a")


@pytest.mark.parametrize(
    "overrides",
    [
        ["ranker.type=overlap", "ranker.k=5"],
        ["ranker.k=5", "ranker.type=overlap"],
        ["ranker={type: overlap, k: 5}"],
    ],
)
def test_a_type_adds_a_stage_in_any_order(bare: Path, overrides: list[str]) -> None:
    spec = load_pipeline(bare, overrides)
    assert spec.ranker is not None
    assert (spec.ranker.type, spec.ranker.k) == ("overlap", 5)


def test_a_new_type_resets_its_stage_but_keeps_k(tmp_path: Path) -> None:
    text = FULL.replace("  weight: 2.5", "  weight: 2.5\n  k: 5")
    spec = load_pipeline(
        write(tmp_path, text, "full.yaml"), ["ranker.batch_size=3", "ranker.type=colbert"]
    )
    assert spec.ranker is not None
    assert spec.ranker.type == "colbert"
    assert ranker(spec) == type(ranker(spec))(k=5, batch_size=3)


def test_a_wrong_value_is_reported_once_and_a_misfit_names_its_spec(
    full: Path, tmp_path: Path
) -> None:
    second = write(tmp_path, FULL.replace("full", "other"), "other.yaml")
    lines = refusal([full, second], "retriever.k=0", "ranker.kk=2", "ranker.type=overlap")
    assert lines[0].startswith("--set retriever.k=0: retriever.k: expected greater than or equal")
    assert lines[1].startswith("--set ranker.kk=2: ranker.kk: unknown key 'kk'; did you mean 'k'?")
    assert len(lines) == 2
    colbert = write(tmp_path, "extends: full.yaml\nname: c\nranker: {type: colbert}\n", "c.yaml")
    (line,) = refusal([full, colbert], "ranker.weight=3")
    assert line.startswith(f"--set ranker.weight=3: ranker.weight (of {colbert}): unknown key")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("ranker.k=no", "ranker.k: expected a whole number, got 'no'"),
        ("ranker.k=", "ranker.k: expected a whole number, got ''"),
        ("ranker.k", "expected key=value; write --set ranker.k=50"),
        ("=5", "expected key=value"),
        ("ranker..k=5", "expected key=value"),
        ("ranker.weight=.inf", "1: not a finite number"),
        ("ranker.weight=2026-01-01", "ranker.weight: expected a number, got '2026-01-01'"),
        ("ranker.k=[1", "1: broken YAML"),
        ("ranker.k=!!python/name:os.system", "1: broken YAML"),
        ("ranker=overlap", "ranker: expected a type and its parameters"),
        ("retriever=null", "retriever: no retriever"),
        ("extends=bm25", "extends: nothing to extend from here"),
        ("k=5", "k: unknown key 'k'"),
    ],
)
def test_a_bad_override_is_one_line(full: Path, override: str, message: str) -> None:
    lines = refusal([full], override)
    assert lines[0].startswith((f"--set {override}: {message}", f"--set {override}:{message}")), (
        lines
    )
    assert len(lines) == 1
