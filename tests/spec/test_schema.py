from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from odqa.errors import SpecErrors
from odqa.spec.pipeline import parse_pipeline
from odqa.spec.schema import benchmark_schema, pipeline_schema

ROOT = Path(__file__).resolve().parents[2]
BM25 = {"type": "bm25"}
TWO = [{"type": "colbert", "k": 20}, {"type": "cross_encoder"}]


@pytest.fixture(scope="module")
def pipeline() -> Draft202012Validator:
    return checked(pipeline_schema())


@pytest.fixture(scope="module")
def benchmark() -> Draft202012Validator:
    return checked(benchmark_schema())


def checked(schema: dict[str, Any]) -> Draft202012Validator:
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize("path", sorted((ROOT / "pipelines").rglob("*.yaml")), ids=str)
def test_shipped_pipelines_are_valid(pipeline: Draft202012Validator, path: Path) -> None:
    pipeline.validate(yaml.safe_load(path.read_text()))


def test_every_spec_names_its_schema_and_the_schemas_are_of_today() -> None:
    for folder, schema in (("pipelines", pipeline_schema()), ("eval", benchmark_schema())):
        stored = json.loads((ROOT / folder / "schema.json").read_text(encoding="utf-8"))
        assert stored == schema, "write it anew: make schema"
    specs = [*(ROOT / "pipelines").rglob("*.yaml"), *(ROOT / "eval").rglob("*.yaml")]
    specs = [p for p in specs if ".expected" not in p.suffixes and p.parent.name != "recipes"]
    assert len(specs) > 20
    for path in specs:
        first_line = path.read_text(encoding="utf-8").splitlines()[0]
        assert first_line.startswith("# yaml-language-server: $schema=")
        assert (path.parent / first_line.partition("=")[2]).resolve().is_file()


def test_shipped_benchmarks_are_valid(benchmark: Draft202012Validator) -> None:
    # Beside a benchmark is a file of its expected scores.
    specs = sorted((ROOT / "eval").glob("*.yaml"))
    paths = [path for path in specs if ".expected" not in path.suffixes]
    assert paths
    for path in paths:
        benchmark.validate(yaml.safe_load(path.read_text()))


def test_every_form_is_valid(pipeline: Draft202012Validator, form: str) -> None:
    pipeline.validate(yaml.safe_load(form))
    # So is what a run folder keeps of it.
    for defaults in (False, True):
        pipeline.validate(yaml.safe_load(parse_pipeline(form).to_yaml(defaults)))


def test_anything_put_together_is_valid(
    pipeline: Draft202012Validator, anything: dict[str, object]
) -> None:
    pipeline.validate(anything)


@pytest.mark.parametrize(
    "spec",
    [
        {"name": "x", "retriever": BM25, "reader": None},
        {"name": "x", "retriever": BM25, "ranker": {"type": "cascade", "stages": TWO}},
        {"extends": "a.yaml"},
        {"extends": "a.yaml", "ranker": {"k": 5}, "reader": None},
        {"extends": "a.yaml", "ranker": TWO, "retriever": {"fuse": [BM25, BM25]}},
        {"extends": "a.yaml", "retriever": {"by": "z_score", "weights": [1, 2]}},
        {"extends": "a.yaml", "retriever": {"constant": 10, "id": "both"}},
        {"extends": "a.yaml", "retriever": {"rewriter": {"by": "rank"}, "retriever": {"k": 5}}},
        {"extends": "a.yaml", "retriever": {"ranker": TWO}},
        {"extends": "a.yaml", "ranker": {"stages": TWO}},
        {"extends": "a.yaml", "rewriter": {"keep_question": True}},
    ],
)
def test_what_is_right_is_accepted(pipeline: Draft202012Validator, spec: object) -> None:
    assert pipeline.is_valid(spec)


WRONG = [
    {"name": "x"},
    {"retriever": BM25},
    {"name": "x", "retriever": None},
    {"name": "x", "retriever": {"k": 3}},
    {"name": "x", "retriever": {"type": "bm26"}},
    {"name": "x", "retriever": {"type": "bm25", "kk": 3}},
    {"name": "x", "retriever": {"type": "bm25", "k": "3"}},
    {"name": "x", "retriever": BM25, "raeder": None},
    {"name": "x", "retriever": BM25, "device": "gpu"},
    {"name": "x", "retriever": BM25, "ranker": {"type": "cascade", "stages": TWO[:1]}},
    {"name": "x", "retriever": BM25, "ranker": {"type": "cascade", "stages": [BM25, BM25]}},
    {"extends": "a.yaml", "ranker": {"kk": 5}},
    {"extends": "a.yaml", "retriever": {"by": "mean"}},
    {"extends": "a.yaml", "retriever": {"fuse": [BM25]}},
    {"extends": "a.yaml", "retriever": {"fuse": [BM25, {"k": 5}]}},
    {"extends": "a.yaml", "retriever": {"retriever": {"kk": 5}}},
    {"extends": "a.yaml", "ranker": {"stages": TWO[:1]}},
    {"extends": "a.yaml", "ranker": {"retriever": BM25}},
    {"name": "x", "retriever": []},
    {"name": "x", "retriever": [BM25, BM25]},
    {"name": "x", "retriever": [TWO[1]]},
    {"name": "x", "retriever": {"fuse": [BM25]}},
    {"name": "x", "retriever": {"fuse": [BM25, TWO[1]]}},
    {"name": "x", "retriever": {"fuse": [BM25, BM25], "by": "mean"}},
    {"name": "x", "retriever": {"fuse": [BM25, BM25], "by": "rank", "constant": 5}},
    {"name": "x", "retriever": {"fuse": [BM25, BM25], "weights": ["1", 2]}},
    {"name": "x", "retriever": {"fuse": [BM25, BM25], "type": "bm25"}},
    {"name": "x", "retriever": {"by": "rrf", "k": 5}},
    {"name": "x", "retriever": {"rewriter": {"type": "keywords"}}},
    {"name": "x", "retriever": {"retriever": BM25, "k": 5}},
    {"name": "x", "retriever": {"retriever": BM25, "ranker": BM25}},
    {"name": "x", "retriever": {"type": "bm25", "id": "a b"}},
    {"name": "x", "retriever": {"type": "bm25", "id": 5}},
    {"name": "x", "retriever": BM25, "ranker": []},
    {"name": "x", "retriever": BM25, "ranker": [BM25]},
    {"name": "x", "retriever": BM25, "rewriter": [{"type": "keywords"}]},
    {"name": "x", "retriever": BM25, "reader": [{"type": "extractive"}]},
    {"name": "x", "retriever": BM25, "rewriter": {"type": "queries"}},
    {"name": "x", "retriever": None, "ranker": TWO, "reader": {"type": "extractive"}},
    {"name": "x", "retriever": None, "rewriter": {"type": "keywords"}},
    {"extends": ["a.yaml"]},
]


@pytest.mark.parametrize("spec", WRONG)
def test_what_is_wrong_is_refused(pipeline: Draft202012Validator, spec: object) -> None:
    assert not pipeline.is_valid(spec)


@pytest.mark.parametrize("spec", [spec for spec in WRONG if "extends" not in spec])
def test_what_the_schema_refuses_odqa_refuses(spec: dict[str, Any]) -> None:
    with pytest.raises(SpecErrors):
        parse_pipeline(spec)


def test_a_benchmark_may_extend_another(benchmark: Draft202012Validator) -> None:
    assert benchmark.is_valid({"extends": "nq-mini.yaml", "latency": 5})
    assert not benchmark.is_valid({"name": "x"})
    assert not benchmark.is_valid({"extends": "nq-mini.yaml", "latnecy": 5})
