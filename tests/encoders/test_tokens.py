from __future__ import annotations

from pathlib import Path

import pytest

from odqa.encoders.tokens import TextTokens
from odqa.testing.tiny_checkpoints import tiny_tokenizer


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> TextTokens:
    folder: Path = tmp_path_factory.mktemp("tokenizer")
    return TextTokens(tiny_tokenizer(folder), max_length=6)


def pieces(tokens: TextTokens, ids: list[int]) -> list[str]:
    return list(tokens._tokenizer.convert_ids_to_tokens(ids))


def test_markers_and_truncation_are_counted(tokens: TextTokens) -> None:
    result = tokens(["river", "who built the old river", "who built the new bridge of the king"])
    assert pieces(tokens, result.ids[0]) == ["[CLS]", "river", "[SEP]"]
    assert [len(ids) for ids in result.ids] == [3, 6, 6]
    assert result.truncated == 2


def test_exactly_full_is_not_truncated(tokens: TextTokens) -> None:
    assert tokens(["who built the river"]).truncated == 0


def test_titles_make_pairs_and_empty_titles_do_not(tokens: TextTokens) -> None:
    result = tokens(["river", "bridge"], ["king", ""])
    assert pieces(tokens, result.ids[0]) == ["[CLS]", "king", "[SEP]", "river", "[SEP]"]
    assert pieces(tokens, result.ids[1]) == ["[CLS]", "bridge", "[SEP]"]


def test_bare_ids_have_no_limit_and_can_be_marked(tokens: TextTokens) -> None:
    bare = tokens.bare(["who built the new bridge of the king", ""])
    assert [len(ids) for ids in bare] == [8, 0]
    assert pieces(tokens, tokens.marked(bare[0][:1])) == ["[CLS]", "who", "[SEP]"]
    assert tokens.markers == 2
