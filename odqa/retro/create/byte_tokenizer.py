"""A tokenizer trained on the corpus itself, for a language model trained from scratch."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from odqa.errors import CheckpointError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TOKENIZER_FILE = "tokenizer.json"


class ByteTokenizer:
    """Byte-level BPE (Radford et al. 2019): every text can be encoded and is decoded exactly.

    A likelihood in bits can therefore be divided by the bytes of the text, which makes models with
    different vocabularies comparable. A document begins with the token ``start``, which occurs in
    no text: its id is the first one after the tokenizer's vocabulary.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self.start = int(tokenizer.get_vocab_size())

    @classmethod
    def train(cls, texts: Iterable[str], size: int) -> Self:
        """Learn at most ``size`` tokens, the 256 bytes included, from texts."""
        from tokenizers import ByteLevelBPETokenizer

        tokenizer = ByteLevelBPETokenizer()
        tokenizer.train_from_iterator(
            texts, vocab_size=max(size, 256), min_frequency=2, show_progress=False
        )
        return cls(tokenizer._tokenizer)

    @classmethod
    def from_pretrained(cls, folder: Path | str) -> Self:
        """Read ``tokenizer.json``.

        Raises:
            CheckpointError: it is missing or is no tokenizer.
        """
        from tokenizers import Tokenizer

        path = Path(folder) / TOKENIZER_FILE
        try:
            return cls(Tokenizer.from_str(path.read_text(encoding="utf-8")))
        except OSError:
            raise CheckpointError(f"no {TOKENIZER_FILE}", where=str(folder)) from None
        except Exception as error:  # tokenizers raises plain exceptions
            raise CheckpointError(f"no tokenizer ({error})", where=str(path)) from None

    def save_pretrained(self, folder: Path | str) -> None:
        """Write ``tokenizer.json``, whole or not at all."""
        path = Path(folder) / TOKENIZER_FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        work = path.with_suffix(".json.partial")
        work.write_text(self._tokenizer.to_str(), encoding="utf-8")
        os.replace(work, path)

    def __len__(self) -> int:
        """Size of a model's vocabulary, ``start`` included."""
        return self.start + 1

    @property
    def digest(self) -> str:
        """SHA-256 of all that decides the tokens."""
        return hashlib.sha256(self._tokenizer.to_str().encode()).hexdigest()

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of documents, ``start`` first."""
        encodings = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [[self.start, *encoding.ids] for encoding in encodings]

    def decode(self, rows: Sequence[Sequence[int]]) -> list[str]:
        """Texts of token ids, ``start`` left out; a character cut at either end becomes U+FFFD."""
        bare = [[token for token in row if token != self.start] for row in rows]
        return list(self._tokenizer.decode_batch(bare, skip_special_tokens=False))
