"""Very long texts get the tokens that the home library gives them, and are not read whole."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from odqa.encoders import long_texts
from odqa.encoders.late_interaction import LateInteractionEncoder
from odqa.encoders.long_texts import beginnings
from odqa.encoders.tokens import TextTokens
from odqa.testing.tiny_checkpoints import WORDS, tiny_colbert, tiny_tokenizer

RNG = random.Random(0)
HAN = "春天的河流过城市的桥下，很久以前有一座灯塔。"
WORD_LIST = [
    *WORDS.split(),
    "lighthouses",
    "e\u0301te\u0301",
    "\ufb01sh",
    "1931",
    "!?",
    "😀👩\u200d🚀",
]
TEXTS = {
    "words": " ".join(RNG.choices(WORD_LIST, k=4000)),
    "lines": "\n\n".join(" ".join(RNG.choices(WORD_LIST, k=9)) for _ in range(400)),
    "no spaces, Han": "".join(RNG.choices(HAN, k=20_000)),
    "no spaces, Latin": "".join(RNG.choices("abcdefgh", k=20_000)),
    "one character": "a" * 20_000,
    "spaces only": " " * 20_000,
    "spaces, then words": " " * 10_000 + " ".join(RNG.choices(WORD_LIST, k=2000)),
    "unknown": "\U0001f9ff" * 5000,
    "controls": "\x00\u200b\u202e" * 5000 + "the end",
    "marks": "e" + "\u0301" * 20_000,
}


def trained(model: Any, trainer: Any, pre: Any, normalizer: Any = None) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.decoder = decoders.ByteLevel()
    corpus = [TEXTS["words"], HAN, TEXTS["lines"]] * 3
    tokenizer.train_from_iterator(corpus, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>")


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    special = ["<pad>", "<unk>"]
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    metaspace = pre_tokenizers.Metaspace()
    nfkc = normalizers.NFKC()
    return {
        "WordPiece": tiny_tokenizer(tmp_path_factory.mktemp("bert")),
        "BPE of bytes": trained(
            models.BPE(), trainers.BpeTrainer(vocab_size=500, special_tokens=special), byte_level
        ),
        "Unigram": trained(
            models.Unigram(),
            trainers.UnigramTrainer(vocab_size=300, special_tokens=special, unk_token="<unk>"),
            metaspace,
            nfkc,
        ),
    }


class Counting:
    """A tokenizer that notes how many characters it was given at once."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.longest = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tokenizer, name)

    def __call__(self, texts: Any, *args: Any, **options: Any) -> Any:
        first = [texts] if isinstance(texts, str) else texts
        self.longest = max([self.longest, *map(len, first)])
        return self._tokenizer(texts, *args, **options)


@pytest.mark.parametrize("kind", ["WordPiece", "BPE of bytes", "Unigram"])
@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("limit", [8, 100])
def test_the_tokens_are_those_of_the_whole_text(
    tokenizers: dict[str, Any], kind: str, name: str, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(long_texts, "LONG", 128)
    tokenizer, text = tokenizers[kind], TEXTS[name]
    (part,) = beginnings(tokenizer, [text], limit)
    expected, got = (
        tokenizer(each, truncation=True, max_length=limit)["input_ids"] for each in (text, part)
    )
    assert got == expected
    assert text.startswith(part)
    lengths = [len(tokenizer(each, verbose=False)["input_ids"]) > limit for each in (text, part)]
    assert lengths[0] == lengths[1]


def test_a_long_text_is_not_read_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tokenizer = Counting(tiny_tokenizer(tmp_path))
    texts = ["the river " * 100_000, "the bridge"]
    tokens = TextTokens(tokenizer, 16)
    encoded = tokens(texts)
    assert tokenizer.longest <= 2 * long_texts.LONG
    spans = tokens.spans(texts[0])
    assert encoded.truncated == 1
    pairs = tokens(texts, ["a title", "x" * 10])
    assert tokenizer.longest <= 2 * long_texts.LONG
    monkeypatch.setattr(long_texts, "LONG", 10**9)
    assert tokens(texts) == encoded
    assert tokens.spans(texts[0]) == spans
    assert tokens(texts, ["a title", "x" * 10]) == pairs
    assert tokenizer.longest == 1_000_000


def test_late_interaction_gives_the_same_vectors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = LateInteractionEncoder(str(tiny_colbert(tmp_path)))
    text = TEXTS["words"]
    expected = encoder.encode_passages([text])
    spans = encoder.passage_spans(text)
    monkeypatch.setattr(long_texts, "LONG", 128)
    shard = encoder.encode_passages([text])
    assert (shard.vectors == expected.vectors).all()
    assert (shard.truncated, expected.truncated) == (1, 1)
    assert encoder.passage_spans(text) == spans


def test_a_tokenizer_that_keeps_the_end_gets_the_whole_text(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer(tmp_path)
    tokenizer.truncation_side = "left"
    text = "the river " * 20_000 + "bridge"
    assert beginnings(tokenizer, [text], 8) == [text]
