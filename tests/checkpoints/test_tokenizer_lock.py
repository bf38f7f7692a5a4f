"""Tokenizers in several threads, and models that are built while another one is."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from odqa.checkpoints.load import load_model, load_tokenizer
from odqa.retro.model.model import RetroModel
from odqa.testing.tiny_checkpoints import tiny_bert, tiny_tokenizer
from odqa.testing.tiny_retro import tiny_retro
from odqa.threads import BUILDING_MODELS


def test_calls_with_other_limits_do_not_meet(tmp_path: Path) -> None:
    tiny_tokenizer(tmp_path)
    tokenizer = load_tokenizer(tmp_path, "tiny")
    texts = ["who built the tower bridge in the city of the king"] * 50

    def lengths(limit: int) -> set[int]:
        seen = set()
        for _ in range(30):
            rows = tokenizer(texts, truncation=True, max_length=limit)["input_ids"]
            seen |= {len(row) for row in rows}
            seen |= {len(tokenizer.encode(texts[0], truncation=True, max_length=limit))}
            assert tokenizer.decode(rows[0], skip_special_tokens=True).startswith("who built")
        return seen

    limits = [5, 6, 7, 8, 9, 10, 11, 12]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lengths, limits)) == [{limit} for limit in limits]


def test_it_is_the_same_tokenizer(tmp_path: Path) -> None:
    plain = tiny_tokenizer(tmp_path)
    tokenizer = load_tokenizer(tmp_path, "tiny")
    assert isinstance(tokenizer, type(plain))
    assert tokenizer("who built it", "the king").data == plain("who built it", "the king").data
    (tmp_path / "again").mkdir()
    tokenizer.save_pretrained(tmp_path / "again")
    assert type(load_tokenizer(tmp_path / "again", "x")).__name__ == type(plain).__name__


@pytest.mark.parametrize(
    "load",
    [
        lambda folder: load_model("AutoModel", tiny_bert(folder), "tiny"),
        lambda folder: load_tokenizer(folder / "absent", "none"),
        lambda folder: RetroModel.from_pretrained(tiny_retro(folder)),
    ],
    ids=["transformers", "tokenizer", "retro"],
)
def test_one_model_is_built_at_a_time(load: Callable[[Path], Any], tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        with BUILDING_MODELS:
            work = pool.submit(load, tmp_path)
            with pytest.raises(TimeoutError):
                work.result(1.5)
        work.exception(60)
