from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

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


@pytest.mark.parametrize(
    "spec",
    [
        {"name": "x", "retriever": BM25, "reader": None},
        {"name": "x", "retriever": BM25, "ranker": {"type": "cascade", "stages": TWO}},
        {"extends": "a.yaml"},
        {"extends": "a.yaml", "ranker": {"k": 5}, "reader": None},
    ],
)
def test_what_is_right_is_accepted(pipeline: Draft202012Validator, spec: object) -> None:
    assert pipeline.is_valid(spec)


@pytest.mark.parametrize(
    "spec",
    [
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
        {"extends": ["a.yaml"]},
    ],
)
def test_what_is_wrong_is_refused(pipeline: Draft202012Validator, spec: object) -> None:
    assert not pipeline.is_valid(spec)


def test_a_benchmark_may_extend_another(benchmark: Draft202012Validator) -> None:
    assert benchmark.is_valid({"extends": "nq-mini.yaml", "latency": 5})
    assert not benchmark.is_valid({"name": "x"})
    assert not benchmark.is_valid({"extends": "nq-mini.yaml", "latnecy": 5})
