from __future__ import annotations

import pytest
import torch

from odqa.retro.read.answering import Answering
from odqa.testing.tiny_checkpoints import tiny_tokenizer
from odqa.types import Passage


@pytest.fixture(scope="module")
def answering(tmp_path_factory: pytest.TempPathFactory) -> Answering:
    tokenizer = tiny_tokenizer(tmp_path_factory.mktemp("words"), ["question", "answer"])
    return Answering(tokenizer, 16, 8, tokenizer.sep_token_id)


def test_the_prompt_ends_a_chunk(answering: Answering) -> None:
    frame = answering.frame(["who built the tower", "when"])
    first = [*answering.tokens.bare(["question: who built the tower answer:"])[0]]
    assert frame.ids.shape == (2, 16)
    assert frame.ids[0, -len(first) :].tolist() == first
    assert frame.mask.sum(1).tolist() == [len(first), len(first) - 3]
    assert frame.ids[0, -1] == frame.ids[1, -1]


def test_a_passage_before_the_prompt_is_cut(answering: Answering) -> None:
    best = Passage("p", "the river of the old king was opened in the north", "bridge")
    frame = answering.frame(["when"], [best])
    assert frame.ids.shape[1] == 16
    assert int(frame.mask.sum()) == 8 + 5
    assert frame.ids[0, 3 : 3 + 8].tolist() == answering.tokens.bare([best.full_text])[0][:8]


def test_rows_with_fewer_passages_are_masked(answering: Answering) -> None:
    one, two = Passage("a", "the river", "old"), Passage("b", "a king of the north")
    neighbours = answering.neighbours([[one, two], [one], []], torch.device("cpu"))
    assert neighbours is not None
    assert neighbours.ids is not None
    assert neighbours.mask.shape == neighbours.ids.shape == (3, 1, 2, 7)
    assert neighbours.mask.sum(-1)[:, 0].tolist() == [[5, 7], [5, 0], [0, 0]]
    assert neighbours.ids[0, 0, 0, :5].tolist() == answering.read([one])[0]
    assert answering.neighbours([[], []], torch.device("cpu")) is None


@pytest.mark.parametrize(
    ("answer", "text", "place"),
    [
        ("tower bridge", "The Tower  Bridge.", (4, 17)),
        ("u. s.", "in the U.S. city", (7, 11)),
        # A part of a word is no answer; the same tokens as a whole word are.
        ("a", "abc, a river", (5, 6)),
        ("a", "abc", None),
        ("king", "the river", None),
        ("king", "", None),
    ],
)
def test_where_tokens_stand(
    answering: Answering, answer: str, text: str, place: tuple[int, int] | None
) -> None:
    (ids,) = answering.tokens.bare([answer])
    assert answering.locate(ids, text) == place
    assert answering.locate([], text) is None
