from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from odqa.execution.record import Batch, drop_batches, read_batch, read_batches, write_batch
from odqa.meters.meter import Spent
from odqa.types import Answer, Hit


def test_what_is_read_is_plain_and_equal(tmp_path: Path) -> None:
    score = 0.1 + 0.2
    rows: dict[str, list[Hit] | Answer] = {
        "é\u2028": [Hit("p1", score), Hit("ß", -1e-300)],
        "none": [],
        "span": Answer("“Zoë”\n", score, "p1", 0, 5),
        "silent": Answer("", 0.0),
    }
    write_batch(tmp_path, 0, Batch(Spent(1.5), rows))
    assert read_batch(tmp_path, 0) == Batch(Spent(1.5), rows)
    assert [path.name for path in tmp_path.iterdir()] == ["batch-00000.json"]


def test_numbers_of_numpy_come_back_as_numbers_of_python(tmp_path: Path) -> None:
    hits = [Hit("p1", np.float32(0.5)), Hit("p2", 0)]  # type: ignore[arg-type]
    answer = Answer("x", np.float32(2), "p1", np.int64(0), np.int64(1))  # type: ignore[arg-type]
    write_batch(tmp_path, 0, Batch(Spent(0.0), {"q": hits, "r": answer}))
    batch = read_batch(tmp_path, 0)
    assert batch is not None
    hits_read = batch.rows["q"]
    assert isinstance(hits_read, list)
    assert [(hit.score, type(hit.score)) for hit in hits_read] == [(0.5, float), (0.0, float)]
    assert batch.rows["r"] == Answer("x", 2.0, "p1", 0, 1)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"seconds": 1}'])
def test_a_torn_batch_counts_as_missing(tmp_path: Path, text: str) -> None:
    write_batch(tmp_path, 0, Batch(Spent(0.0), {}))
    (tmp_path / "batch-00000.json").write_text(text)
    assert read_batch(tmp_path, 0) is None


def test_batches_are_read_in_order_and_dropped_from_behind(tmp_path: Path) -> None:
    for number in range(4):
        write_batch(tmp_path, number, Batch(Spent(float(number)), {}))
    drop_batches(tmp_path, 2)
    assert [batch.spent.seconds for batch in read_batches(tmp_path)] == [0.0, 1.0]


def test_every_flipped_byte_of_an_unfinished_batch_is_noticed(tmp_path: Path) -> None:
    batch = Batch(Spent(1.5, 7), {"q1": [Hit("p1", 0.25), Hit("p2", 0.125)], "q2": []})
    write_batch(tmp_path, 0, batch)
    path = tmp_path / "batch-00000.json"
    data = path.read_bytes()
    assert read_batch(tmp_path, 0, of_unfinished=True) == batch
    for position in range(len(data)):
        flipped = bytearray(data)
        flipped[position] ^= 1
        path.write_bytes(bytes(flipped))
        result = read_batch(tmp_path, 0, of_unfinished=True)
        # A space of JSON may become another character that means nothing.
        assert result in (None, batch)
        assert result is None or data[position : position + 1] == b" "


def test_a_batch_of_version_0_1_0_is_read_of_finished_stages_alone(tmp_path: Path) -> None:
    row = '{"id": "q1", "hits": [["p1", 0.5]]}'
    (tmp_path / "batch-00000.json").write_text(f'{{"seconds": 1.0, "rows": [{row}]}}')
    assert read_batch(tmp_path, 0) == Batch(Spent(1.0), {"q1": [Hit("p1", 0.5)]})
    assert read_batch(tmp_path, 0, of_unfinished=True) is None
