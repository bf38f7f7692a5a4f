"""What can be wrong in a slot: each is one line with file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from odqa.errors import SpecErrors
from odqa.spec.pipeline import load_pipeline

#: A composition of every kind, one key a line.
WHOLE = """\
name: whole
rewriter:
  type: keywords
  by: min_max
retriever:
  fuse:
  - type: bm25
    id: words
  - rewriter:
      type: keywords
    retriever:
      - type: sentence
        k: 50
      - type: colbert
        k: 40
  - fuse:
    - type: bm25
      k1: 1.5
    - type: dpr
    by: z_score
  by: min_max
  weights: [1, 2, 3]
ranker:
  - type: colbert
    id: late
  - fuse:
    - type: cross_encoder
    - type: retro
  - type: cascade
    stages:
    - type: cross_encoder
      k: 9
    - type: colbert
reader:
  type: extractive
"""


def lines_of(folder: Path, text: str) -> list[str]:
    path = folder / "spec.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SpecErrors) as caught:
        load_pipeline(path)
    return str(caught.value).replace(f"{path}:", "").splitlines()


def test_the_whole_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(WHOLE, encoding="utf-8")
    assert len(load_pipeline(path).graph.nodes) == 16


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "  by: min_max\nret",
            "  by: min-max\nret",
            "4: rewriter.by: unknown fusion type 'min-max'",
        ),
        (
            "  - type: bm25\n    id",
            "  - type: bm26\n    id",
            "7: retriever.fuse.0.type: unknown re",
        ),
        ("id: words", "id: two words", "8: retriever.fuse.0.id: 'two words' is no id"),
        ("id: late", "id: words", "25: ranker.0.id: the id 'words' is taken by the stage at 8: "),
        (
            "      type: keywords",
            "      type: keyword",
            "10: retriever.fuse.1.rewriter.type: unknown rewriter type 'keyword'; did you mean",
        ),
        (
            "        k: 50",
            "        kk: 50",
            "13: retriever.fuse.1.retriever.0.kk: unknown key 'kk'; did you mean 'k'?",
        ),
        (
            "        k: 40",
            "        k: 0",
            "15: retriever.fuse.1.retriever.1.k: expected greater than or equal to 1, got 0",
        ),
        (
            "      k1: 1.5",
            "      k1: high",
            "18: retriever.fuse.2.fuse.0.k1: expected a number, got 'high'",
        ),
        ("by: z_score", "by: zscore", "20: retriever.fuse.2.by: unknown fusion type 'zscore'; did"),
        ("  by: min_max\n  weights", "  by: 5\n  weights", "5: retriever: expected a type and its"),
        ("[1, 2, 3]", "[1, 2]", "22: retriever.weights: 2 weights for 3 fused stages; give each"),
        ("[1, 2, 3]", "[1, 2, x]", "22: retriever.weights.2: expected a number, got 'x'"),
        ("[1, 2, 3]", "5", "22: retriever.weights: expected a list, got 5"),
        (
            "  weights:",
            "  constant:",
            "22: retriever.constant: unknown key 'constant'; known: k, w",
        ),
        (
            "    - type: retro\n",
            "    - retro\n",
            "28: ranker.1.fuse.1: expected a type and its para",
        ),
        ("    - type: retro\n", "", "26: ranker.1.fuse: expected a list of two rankers or more"),
        (
            "    - type: cross_encoder\n      k",
            "    - type: bm25\n      k",
            "31: ranker.2.stages.0.type: unknown ranker type 'bm25'",
        ),
        ("      k: 9", "      k: 9.5", "32: ranker.2.stages.0.k: expected a whole number, got 9.5"),
        ("    - type: colbert\nr", "r", "30: ranker.2.stages: expected at least 2"),
        (
            "  type: extractive",
            "  fuse: [{type: extractive}, {type: retro}]",
            "35: reader.fuse: a reader cannot be fused; give one reader",
        ),
        (
            "  type: extractive",
            "  - type: extractive",
            "34: reader: expected one reader, got a list",
        ),
    ],
)
def test_a_problem_anywhere_is_one_line(tmp_path: Path, old: str, new: str, line: str) -> None:
    assert WHOLE.count(old) == 1
    (said,) = lines_of(tmp_path, WHOLE.replace(old, new))
    assert said.startswith(line)


@pytest.mark.parametrize(
    ("slots", "line"),
    [
        ("retriever: []", "2: retriever: an empty list; name a retriever, or say null"),
        ("retriever: {type: bm25}\nranker: []", "3: ranker: an empty list; name a ranker"),
        ("retriever: {fuse: []}", "2: retriever.fuse: expected a list of two retrievers or more"),
        ("retriever: {fuse: {type: bm25}}", "2: retriever.fuse: expected a list of two retrievers"),
        ("retriever: [{type: bm25}, {type: bm25}]", "2: retriever.1.type: unknown ranker type"),
        ("retriever: [{type: knrm}]", "2: retriever.0.type: unknown retriever type 'knrm'"),
        ("retriever: {retriever: null}", "2: retriever.retriever: no retriever; add one"),
        (
            "retriever: {retriever: {type: bm25}, ranker: {type: colbert}, k: 5}",
            "2: retriever.k: unknown key 'k'; known: ranker, retriever, rewriter",
        ),
        (
            "retriever: {retriever: {type: bm25}, rankr: {type: colbert}}",
            "2: retriever.rankr: unknown key 'rankr'; did you mean 'ranker'?",
        ),
        ("retriever: {type: cascade, stages: []}", "2: retriever.type: unknown retriever type 'ca"),
        ("rewriter: [{type: keywords}]\nretriever: {type: bm25}", "2: rewriter: expected one rewr"),
        (
            "rewriter: {fuse: [{type: keywords}, {type: keywords}]}\nretriever: {type: bm25}",
            "2: rewriter.fuse: a rewriter cannot be fused; give one rewriter",
        ),
        (
            "retriever: {type: bm25}\nranker: {type: colbert, alpha: -1.0}",
            "3: ranker.alpha: expected greater than or equal to 0, got -1.0",
        ),
    ],
)
def test_what_no_slot_can_hold(tmp_path: Path, slots: str, line: str) -> None:
    (said,) = lines_of(tmp_path, f"name: x\n{slots}\n")
    assert said.startswith(line)


@pytest.mark.parametrize(
    ("slots", "line"),
    [
        ("reader: {type: extractive}", "1: retriever: no retriever; add one, or say null for a re"),
        ("retriever: null", "2: retriever: no retriever; add one"),
        (
            "retriever: null\nreader: {type: extractive}",
            "3: reader: reader 'extractive' reads passages, and there is no retriever; add one, or",
        ),
        (
            "retriever: null\nreader: {type: retro}",
            "3: reader: reader 'retro' reads passages, and there is no retriever",
        ),
        (
            "retriever: null\nranker: {type: colbert}\nreader: {type: predictions, path: x}",
            "2: retriever: no retriever; add one",
        ),
        (
            "retriever: null\nrewriter: {type: keywords}\nreader: {type: predictions, path: x}",
            "2: retriever: no retriever; add one",
        ),
    ],
)
def test_every_slot_gets_what_it_needs(tmp_path: Path, slots: str, line: str) -> None:
    (said,) = lines_of(tmp_path, f"name: x\n{slots}\n")
    assert said.startswith(line)


def test_all_problems_of_a_composition_come_together(tmp_path: Path) -> None:
    text = WHOLE.replace("k: 40", "k: 0").replace("k: 9", "k: 0").replace("by: z_score", "by: z")
    assert [line.split(": ")[:2] for line in lines_of(tmp_path, text)] == [
        ["15", "retriever.fuse.1.retriever.1.k"],
        ["20", "retriever.fuse.2.by"],
        ["32", "ranker.2.stages.0.k"],
    ]


def test_keys_of_the_header_reach_every_stage_that_knows_them(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(f"device: auto\n{WHOLE}", encoding="utf-8")
    devices = {
        stage.type: stage.config.model_dump().get("device", "unknown there")
        for stage in load_pipeline(path).stages
    }
    assert devices == dict.fromkeys(
        ("sentence", "colbert", "dpr", "cross_encoder", "retro", "extractive"), "auto"
    ) | dict.fromkeys(("keywords", "bm25", "z_score", "min_max", "rrf"), "unknown there")
