"""Both sides of every part find the same, and each is told how its threads wait."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

import pytest

from eval.speed import quick_gains, quick_gains_side
from eval.speed.quick_gains import Part, alternate, busy, main, row
from eval.speed.worker import Reply
from odqa.indexes import exact, faiss_threads
from odqa.testing.tiny_checkpoints import tiny_bert


@pytest.fixture(autouse=True)
def _restored(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in quick_gains.WAITING:
        monkeypatch.setenv(name, "0")
    yield
    patch.stopall()


def found(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    job, _ = quick_gains_side.build({"threads": 1, **settings})
    more = job()
    assert more == job()
    return more or {}


def both(settings: Mapping[str, Any]) -> None:
    assert found({**settings, "former": False}) == found({**settings, "former": True})


def test_search() -> None:
    assert exact.matrix_products is faiss_threads.matrix_products
    both({"part": "search", "n": 20, "times": 2, "vectors": 300})
    assert exact.matrix_products is not faiss_threads.matrix_products


def test_encoding(tmp_path: Path) -> None:
    checkpoint = str(tiny_bert(tmp_path / "bert"))
    both({"part": "encoding", "n": 20, "checkpoint": checkpoint})


@pytest.mark.usefixtures("toys")
def test_questions(tmp_path: Path) -> None:
    spec = tmp_path / "toy.yaml"
    spec.write_text("{name: x, retriever: {type: overlap, k: 3}, reader: {type: first_word}}")
    both({"part": "questions", "n": 3, "pipeline": str(spec)})


class Side:
    """A worker that takes no time, and remembers with what environment it began."""

    begun: list[tuple[str, str | None]] = []  # noqa: RUF012

    def __init__(self, name: str, module: str, settings: Mapping[str, Any]) -> None:
        assert settings["former"] is (name == "before")
        self.name = name
        self.begun.append((name, os.environ.get("OMP_WAIT_POLICY")))

    def run(self) -> Reply:
        return Reply(3.0 if self.name == "before" else 1.5, 1.0, {"found": "x"})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass


def test_the_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(quick_gains, "Worker", Side)
    monkeypatch.setattr(quick_gains, "PARTS", (Part("a", {}, waits=True), Part("b", {})))
    monkeypatch.setattr(sys, "argv", ["quick_gains", "--repetitions", "2"])
    monkeypatch.setattr(Side, "begun", [])
    main()
    lines = capsys.readouterr().out.splitlines()
    same = "3 [3, 3] | 1.5 [1.5, 1.5] | 2.00 [2.00, 2.00] | yes |"
    assert lines[3:] == [f"| {p} | {state} | {same}" for p in "ab" for state in ("quiet", "busy")]
    assert Side.begun == [
        ("before", None),
        ("now", "PASSIVE"),
        ("before", "PASSIVE"),
        ("now", "PASSIVE"),
    ]


def test_rounds_end_with_the_time_but_one_is_made() -> None:
    sides: list[Any] = [Side("before", "", {"former": True}), Side("now", "", {"former": False})]
    former, now = alternate(sides, 5, 0.0)
    assert len(former.replies) == len(now.replies) == 1
    former, now = alternate(sides, 3, 60.0)
    assert len(former.replies) == len(now.replies) == 3
    other = [Reply(1.0, 1.0, {"found": "y"})]
    assert row("a", "quiet", former, type(now)("now", tuple(other * 3)))[-1] == "NO"


def test_the_other_process_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def kept(*words: Any, **more: Any) -> subprocess.Popen[bytes]:
        started.append(popen(*words, **more))
        return started[-1]

    monkeypatch.setattr(quick_gains.subprocess, "Popen", kept)
    with pytest.raises(KeyError), busy():
        assert started[0].poll() is None
        raise KeyError
    assert started[0].poll() is not None
