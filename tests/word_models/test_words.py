from __future__ import annotations

from pathlib import Path

import pytest

from odqa.errors import CheckpointError
from odqa.testing.tiny_checkpoints import tiny_tokenizer
from odqa.word_models.words import Words


@pytest.fixture
def words(tmp_path: Path) -> Words:
    return Words(tiny_tokenizer(tmp_path), ("the", "of"), "tiny")


def test_stop_words_and_punctuation_are_left_out(words: Words) -> None:
    (ids,) = words.ids(["The tower, of (the) king?"])
    assert words.names(ids) == ["tower", "king"]


def test_spans_are_those_of_the_words(words: Words) -> None:
    text = "The tower, of (the) kinx"
    (ids,) = words.ids([text])
    assert [text[start:end] for start, end in words.spans(text)] == ["tower", "k", "i", "n", "x"]
    assert len(ids) == 5


def test_a_text_without_words_has_none(words: Words) -> None:
    assert words.ids(["", "the !"]) == [[], []]
    assert words.spans("the !") == []


def test_a_stop_word_must_be_a_token(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="stop word 'whose' is no token of its tokenizer"):
        Words(tiny_tokenizer(tmp_path), ("whose",), "tiny")
