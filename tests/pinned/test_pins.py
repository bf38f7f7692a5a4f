"""Hashes and results of every shipped spec are what they were: caches and scores depend on them.

``python tests/pinned/test_pins.py`` writes the pins anew. Do that only where results were meant to
change, and raise the ``version`` of the component that changed them.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import odqa
from odqa.regression.reproduce import (
    answer_changes,
    find_data,
    hits_changes,
    metric_changes,
    run_again,
)
from odqa.report.terminal.render import render
from odqa.report.write import write_report
from odqa.spec.locate import built_in_specs
from odqa.spec.pipeline import load_pipeline

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent.parent
PINS = FOLDER / "pins.json"
#: Questions asked, and hits kept of each stage.
QUESTIONS, HITS = 6, 10
#: Processors round differently; passages whose scores are as near as this may change places.
TOLERANCE = 1e-3
#: What a whole answer decides.
OF_ANSWERS = ("em", "f1", "equivalent", "contains", "token_recall")
EMBEDDED = sorted(name for name in built_in_specs() if name.startswith("embedded/"))


def hashes() -> dict[str, str]:
    """Hash of every shipped spec; those that need downloads too."""
    return {name: load_pipeline(name).hash for name in sorted(built_in_specs())}


def results(name: str, cache: odqa.Cache) -> dict[str, Any]:
    """By question id: hits before and after ranking, the answer, and every metric."""
    comparison = odqa.compare([name], take=QUESTIONS, cache=cache, explain=0)
    (result,) = comparison.pipelines.values()
    rows: dict[str, dict[str, float]] = {}
    for row in comparison.rows:
        rows.setdefault(row.question_id, {})[row.metric] = round(row.value, 6)
    kept: dict[str, Any] = {}
    for question in comparison.questions:
        answer = (result.answers or {})[question.id]
        kept[question.id] = {
            "retrieved": _hits(result.retrieved.get(question.id, [])),
            "ranked": _hits(result.ranked.get(question.id, [])),
            "answer": [answer.text, answer.passage_id, answer.start, answer.end],
            "metrics": rows[question.id],
        }
    return kept


def _hits(hits: list[odqa.Hit]) -> list[list[Any]]:
    return [[hit.passage_id, float(f"{hit.score:.6g}")] for hit in hits[:HITS]]


def pinned() -> dict[str, Any]:
    """What `main` wrote."""
    return dict(json.loads(PINS.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def cache(cache_of_models: odqa.Cache) -> odqa.Cache:
    return cache_of_models


def test_every_spec_has_its_hash() -> None:
    assert hashes() == pinned()["hashes"]


@pytest.mark.parametrize("name", EMBEDDED)
def test_every_pipeline_gives_its_results(name: str, cache: odqa.Cache) -> None:
    before, after = pinned()["results"][name], results(name, cache)
    assert list(after) == list(before)
    for question, expected in before.items():
        found = after[question]
        same_hits(found["retrieved"], expected["retrieved"])
        same_hits(found["ranked"], expected["ranked"])
        assert beginning(found["answer"]) == beginning(expected["answer"]), question
        held = [m for m in expected["metrics"] if expected["answer"][1] or m not in OF_ANSWERS]
        assert {m: found["metrics"].get(m) for m in held} == {
            m: expected["metrics"][m] for m in held
        }, question


def test_a_run_folder_of_version_0_1_0_is_read_and_rendered(tmp_path: Path) -> None:
    """Its weights ship no more: everything but running it again must still work."""
    before = odqa.Comparison.load(FOLDER / "run-0.1.0")
    assert [before.result(name).spec.hash for name in before.pipelines] == [
        before.manifest["specs"][name] for name in before.pipelines
    ]
    assert "sbert-colbert-cross-encoder" in render(before)
    assert before.trace("emb-001").pipelines[1].outcome == "reader miss"
    costs = before.stages().set_index(["pipeline", "stage"])["p50 ms"]
    assert costs["sbert-colbert", "ranker"] == pytest.approx(22.953, abs=1e-3)
    assert write_report(before, tmp_path).is_file()


def test_a_run_folder_of_version_0_1_0_is_reproduced(
    cache: odqa.Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pipelines use the base model and files, and none of the weights that are trained anew."""
    monkeypatch.chdir(ROOT)
    before = odqa.Comparison.load(FOLDER / "run-0.1.0-of-files")
    assert list(before.pipelines) == ["bm25-twice", "minilm"]
    assert {before.trace("emb-003").pipelines[n].outcome for n in (0, 1)} == {"reader miss"}
    after = run_again(before, find_data(before, cache), cache)
    assert metric_changes(before, after) == []
    assert answer_changes(before, after) == {}
    assert all(change.largest_score < TOLERANCE for change in hits_changes(before, after))


def same_hits(found: Sequence[Sequence[Any]], expected: Sequence[Sequence[Any]]) -> None:
    """Equal ids and scores, up to rounding."""
    assert len(found) == len(expected)
    for (_, score), (_, before) in zip(found, expected, strict=True):
        assert near(score, before)
    if not any(near(a[1], b[1]) for a, b in pairwise(expected)):
        assert [hit[0] for hit in found] == [hit[0] for hit in expected]


def beginning(answer: Sequence[Any]) -> list[Any]:
    """An answer, as far as it is the same on all processors.

    A word that is generated decides those after it, and rounding may decide a word.
    """
    text, passage, *span = answer
    return [text, passage, *span] if passage else [text.split()[:1], None]


def near(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def main() -> None:
    """Write the pins."""
    with tempfile.TemporaryDirectory() as folder:
        cache = odqa.Cache(folder)
        pins = {"hashes": hashes(), "results": {name: results(name, cache) for name in EMBEDDED}}
    text = json.dumps(pins, ensure_ascii=False, separators=(",", ":"))
    PINS.write_text(text.replace('"emb-', '\n"emb-') + "\n", encoding="utf-8")
    sys.stdout.write(f"{PINS}\n")


if __name__ == "__main__":
    main()
