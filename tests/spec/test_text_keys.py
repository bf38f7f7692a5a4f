from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from odqa.errors import SpecErrors
from odqa.spec.pipeline import load_pipeline
from odqa.spec.text_keys import holds_text

E5 = "name: e5\nretriever: {type: sentence, query_prefix: old}\n"
PARTS = """\
name: parts
retriever:
  fuse:
    - {type: bm25}
    - rewriter: {type: keywords}
      retriever: [{type: sentence}, {type: colbert}]
ranker: [{type: colbert}, {type: cross_encoder}]
"""


def load(folder: Path, text: str, *words: str) -> Any:
    path = folder / "spec.yaml"
    path.write_text(text, encoding="utf-8")
    return load_pipeline(path, words)


@pytest.mark.parametrize(
    ("value", "prefix"),
    [
        ("query: ", "query: "),
        ("query:", "query:"),
        ("'query: '", "query: "),
        ('"query: "', "query: "),
        ('"tab\\t"', "tab\t"),
        ("search_query: find ", "search_query: find "),
        (" ", " "),
        ("", ""),
        ("[INST] ", "[INST] "),
        ("{q} ", "{q} "),
        ("# ", "# "),
        ("- ", "- "),
        ("2024", "2024"),
        ("1e5", "1e5"),
        ("true", "true"),
        ("'quoted' then more", "'quoted' then more"),
        ("a=b", "a=b"),
        ("[", "["),
        ("!!python/name:os.system", "!!python/name:os.system"),
        ("null", None),
        ("~", None),
        ("'null'", "null"),
    ],
)
def test_text_stays_text(tmp_path: Path, value: str, prefix: str | None) -> None:
    spec = load(tmp_path, E5, f"retriever.query_prefix={value}")
    assert spec.retriever.config.query_prefix == prefix


def test_space_before_the_equals_sign_is_no_part_of_the_text(tmp_path: Path) -> None:
    spec = load(tmp_path, E5, "retriever.checkpoint = embedded:minilm")
    assert spec.retriever.config.checkpoint == "embedded:minilm"


def test_names_may_look_like_numbers(tmp_path: Path) -> None:
    spec = load(tmp_path, E5, "name=2024", "retriever.id=5 ", "description=a: b")
    assert (spec.name, spec.retriever.id, spec.description) == ("2024", "5", "a: b")


def test_any_other_key_takes_the_value_that_yaml_has(tmp_path: Path) -> None:
    spec = load(tmp_path, E5, "retriever.k=5", "retriever.index={type: hnsw, links: 8}")
    assert (spec.retriever.k, spec.retriever.config.index.links) == (5, 8)
    with pytest.raises(SpecErrors, match="expected a whole number, got 'query: '"):
        load(tmp_path, E5, "retriever.k='query: '")
    with pytest.raises(SpecErrors, match=r"--set retriever\.k=\[:1: broken YAML"):
        load(tmp_path, E5, "retriever.k=[")


@pytest.mark.parametrize(
    ("key", "is_text"),
    [
        ("retriever.fuse.0.k1", False),
        ("retriever.fuse.0.id", True),
        ("retriever.by", True),
        ("retriever.fuse.1.rewriter.by", True),
        ("retriever.fuse.1.retriever.0.query_prefix", True),
        ("retriever.fuse.1.retriever.0.pooling", False),
        ("retriever.fuse.1.retriever.1.checkpoint", True),
        ("retriever.fuse.7.checkpoint", False),
        ("ranker.0.checkpoint", True),
        ("ranker.1.checkpoint", True),
        ("ranker.1.alpha", False),
        ("ranker.1.chekpoint", False),
        ("ranker", False),
        ("reader.type", True),
        ("reader.checkpoint", False),
        ("notices.0", True),
        ("nothing", False),
    ],
)
def test_keys_inside_of_compositions(tmp_path: Path, key: str, is_text: bool) -> None:
    data = load(tmp_path, PARTS).to_dict()
    data["retriever"]["fuse"][1] = {
        "rewriter": {"type": "keywords"},
        "retriever": [{"type": "sentence"}, {"type": "colbert"}],
    }
    path = tuple(int(part) if part.isdigit() else part for part in key.split("."))
    assert holds_text(data, path) is is_text


def test_a_stage_that_words_add(tmp_path: Path) -> None:
    words = ["reader.checkpoint=2024", "reader.type=extractive"]
    assert load(tmp_path, E5, *words).reader.config.checkpoint == "2024"
    cascade = {"type": "cascade", "stages": [{"type": "run", "path": "a"}, {"type": "colbert"}]}
    text = f"name: c\nretriever: {{type: bm25}}\nranker: {json.dumps(cascade)}\n"
    spec = load(tmp_path, text, "ranker.stages.0.path=7", "ranker.stages.1.checkpoint=8")
    first, second = spec.ranker.stages
    assert (first.config.path, second.config.checkpoint) == ("7", "8")
