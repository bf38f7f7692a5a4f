"""Readers together, writers alone, and neither waits for ever."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from odqa.execution.gate import Gate


def test_readers_are_in_together_and_writers_alone() -> None:
    gate, together = Gate(), Barrier(3, timeout=60)
    inside: list[str] = []
    seen: list[tuple[str, ...]] = []

    def read() -> None:
        with gate.using():
            together.wait()
            inside.append("reader")
            time.sleep(0.01)
            inside.remove("reader")

    def write() -> None:
        with gate.alone():
            inside.append("writer")
            time.sleep(0.01)
            seen.append(tuple(inside))
            inside.remove("writer")

    with ThreadPoolExecutor(8) as pool:
        works = [pool.submit(work) for work in (read, read, read, write, write, write)]
        for work in works:
            work.result(60)
    assert seen == [("writer",)] * 3


def test_an_error_inside_leaves_it_open() -> None:
    gate = Gate()
    with pytest.raises(KeyError), gate.using():
        raise KeyError
    with pytest.raises(KeyError), gate.alone():
        raise KeyError
    with gate.alone():
        pass
    with gate.using(), gate.using():
        pass
