"""The seconds of an artifact are those of every run that worked on it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest

from odqa.cache import Cache
from odqa.cache.leftovers import RESUME
from odqa.cache.manifest import check
from odqa.encoders import kept_batches
from odqa.encoders.kept_batches import KeptBatches
from odqa.encoders.sharded import Shard, encode_shards
from odqa.meters import meter
from odqa.meters.meter import Spent

SECONDS = 0.05


def encode(start: int, stop: int) -> Shard:
    time.sleep(SECONDS)
    return Shard(np.ones((stop - start, 3), np.float32), np.ones(stop - start, np.int64))


def until(last: int):  # type: ignore[no-untyped-def]
    """An encoding whose shard from that item on is interrupted."""

    def interrupted(start: int, stop: int) -> Shard:
        if start == last:
            raise KeyboardInterrupt
        return encode(start, stop)

    return interrupted


def build(root: Path, encode_range=encode) -> tuple[Cache, Path]:  # type: ignore[no-untyped-def]
    cache = Cache(root)
    folder = cache.artifact(
        "vectors", {"of": 1}, lambda work: encode_shards(work, 6, 3, encode_range, shard=1)
    )
    return cache, folder


def interrupt(root: Path, last: int) -> Path:
    with pytest.raises(KeyboardInterrupt):
        build(root, until(last))
    return next(root.glob("vectors/*.partial"))


def test_seconds_are_those_of_every_run(tmp_path: Path) -> None:
    for last in (2, 4):
        interrupt(tmp_path, last)
    cache, folder = build(tmp_path)
    # Two shards a run.
    assert check(folder).spent.seconds >= 6 * SECONDS
    assert cache.resumed[0].seconds >= 4 * SECONDS
    assert cache.building >= 2 * SECONDS
    total = cache.resumed[0].seconds + cache.building
    assert check(folder).spent.seconds == pytest.approx(total)
    assert not (folder / RESUME).exists()
    # Whoever reuses it sees the same.
    again, _ = build(tmp_path)
    assert again.reused == [check(folder).spent] and not again.resumed


def test_kept_batches_of_an_unfinished_shard_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_batches, "SECONDS", 0.0)
    calls = []

    def by_batch(start: int, stop: int) -> Shard:
        kept = KeptBatches([[0], [1], [2], [3]], lambda batch: [np.ones((1, 3), np.float32)])
        for batch in kept.remaining:
            time.sleep(SECONDS)
            calls.append(batch)
            if len(calls) == 4:
                raise KeyboardInterrupt
            kept.done(batch)
        return Shard(np.ones((4, 3), np.float32), np.ones(4, np.int64))

    def run() -> tuple[Cache, Path]:
        cache = Cache(tmp_path)

        def work(folder: Path) -> None:
            encode_shards(folder, 4, 3, by_batch, shard=4)

        return cache, cache.artifact("vectors", {}, work)

    with pytest.raises(KeyboardInterrupt):
        run()
    cache, folder = run()
    # Three batches were kept and one was done again; no shard was finished in the first run.
    assert len(calls) == 5
    assert cache.resumed[0].seconds >= 3 * SECONDS
    assert check(folder).spent.seconds >= 4 * SECONDS


def test_energy_and_memory_of_all_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    joules = iter([10.0 * number for number in range(100)])

    class Counter:
        name = "package"

        def joules(self) -> float:
            return next(joules)

    monkeypatch.setattr(meter, "energy_counters", lambda: [Counter()])
    monkeypatch.setattr(meter, "counter_names", lambda: "package")
    work = interrupt(tmp_path, 2)
    first = Spent.from_dict(json.loads((work / RESUME / "spent.json").read_text()))
    # Read at the start and before each of two shards was kept.
    assert (first.joules, first.counters) == (20.0, "package")
    _, folder = build(tmp_path)
    # The other run read it at the start, before four shards, and at the end.
    assert check(folder).spent.joules == 20.0 + 50.0


def test_an_unfinished_artifact_of_an_earlier_version_is_gone_on_with(tmp_path: Path) -> None:
    work = interrupt(tmp_path, 2)
    (work / RESUME / "spent.json").unlink()
    cache, folder = build(tmp_path)
    assert not cache.resumed
    assert check(folder).spent.seconds == cache.building >= 4 * SECONDS


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "{}", '{"seconds": "1"}', '{"seconds": NaN}', '{"seconds": Infinity}'),
        *('{"seconds": -1}', '{"seconds": 1, "joules": "x"}', "[" * 100_000, "\ud800"),
    ],
)
def test_damaged_seconds_count_nothing(tmp_path: Path, text: str) -> None:
    work = interrupt(tmp_path, 5)
    (work / RESUME / "spent.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    cache, folder = build(tmp_path)
    assert not cache.resumed
    assert check(folder).spent.seconds == cache.building >= SECONDS
