from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odqa.errors import CheckpointError
from odqa.retro.create.byte_tokenizer import ByteTokenizer

TEXTS = ["the river and the city", "the river and the king", "a city by the river"]
TOKENIZER = ByteTokenizer.train(TEXTS, 280)


@settings(max_examples=50)
@given(st.text(max_size=40))
def test_every_text_comes_back_exactly(text: str) -> None:
    ids = TOKENIZER.encode([text])[0]
    assert ids[0] == TOKENIZER.start
    assert TOKENIZER.start not in ids[1:]
    assert max(ids) < len(TOKENIZER)
    assert TOKENIZER.decode([ids]) == [text]


def test_the_start_token_is_of_no_text() -> None:
    # 256 bytes and the pieces that were learnt; the start token is the next id.
    assert len(TOKENIZER) <= 281
    assert TOKENIZER.start == len(TOKENIZER) - 1


def test_frequent_pieces_become_one_token() -> None:
    assert len(TOKENIZER.encode([" river"])[0]) == 2


def test_the_same_texts_give_the_same_tokens_and_a_folder_keeps_them(tmp_path: Path) -> None:
    assert ByteTokenizer.train(iter(TEXTS), 280).digest == TOKENIZER.digest
    assert ByteTokenizer.train(TEXTS, 270).digest != TOKENIZER.digest
    TOKENIZER.save_pretrained(tmp_path)
    tokenizer = ByteTokenizer.from_pretrained(tmp_path)
    assert tokenizer.digest == TOKENIZER.digest
    assert tokenizer.encode(TEXTS) == TOKENIZER.encode(TEXTS)


def test_a_missing_or_broken_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no tokenizer\.json"):
        ByteTokenizer.from_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(CheckpointError, match="no tokenizer"):
        ByteTokenizer.from_pretrained(tmp_path)
