"""``registry.yaml`` as values: every split of every set, and every corpus, is a `NamedFile`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from odqa.errors import DataError
from odqa.suggest import did_you_mean
from odqa.types import Matching

REGISTRY = Path(__file__).with_name("registry.yaml")

Kind = Literal["questions", "corpus"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Place(_Model):
    """Where files come from: a dataset repository of the hub, a server, or parquet on the hub."""

    hub: str | None = None
    revision: str | None = None
    url: str | None = None
    set: str | None = None
    licence: str


class _File(_Model):
    #: In its place; `None` for parquet sets.
    file: str | None = None
    bytes: Annotated[int, Field(gt=0)] | None = None
    mb: Annotated[float, Field(gt=0)] | None = None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    #: How others call it below a folder of data.
    also: tuple[str, ...] = ()


class _Split(_File):
    questions: int


class _Questions(_Model):
    about: str
    licence: str
    place: str
    default: str
    matching: Matching = "tokens"
    splits: dict[str, _Split]


class _Corpus(_File):
    about: str
    licence: str
    place: str
    passages: int


class _Registry(_Model):
    places: dict[str, Place]
    questions: dict[str, _Questions]
    corpora: dict[str, _Corpus]


@dataclass(frozen=True)
class NamedFile:
    """A file that odqa knows by name.

    ``size`` counts its questions or passages as the publisher does. ``bytes`` are exact, ``mb``
    (10^6 bytes) at least rounded; `None` where neither is known before the server is asked.
    ``sha256`` is `None` where nobody published it. ``also`` are other paths below a folder of data
    by which it goes.
    """

    name: str
    split: str
    kind: Kind
    about: str
    licence: str
    place: Place
    file: str | None
    size: int
    bytes: int | None
    mb: float | None
    sha256: str | None
    matching: Matching
    also: tuple[str, ...]
    is_default: bool

    def __str__(self) -> str:
        return f"{self.name}:{self.split}" if self.split else self.name

    @property
    def url(self) -> str:
        """Where a person can download it."""
        if self.place.hub is not None:
            base = f"https://huggingface.co/datasets/{self.place.hub}/resolve/{self.place.revision}"
        elif self.place.set is not None:
            return f"https://huggingface.co/datasets/{self.place.set}"
        else:
            base = str(self.place.url)
        return f"{base}/{self.file}"


def find_questions(ref: str) -> NamedFile | None:
    """``NAME`` or ``NAME:SPLIT``; `None` where the name is none of a question set.

    Raises:
        DataError: the set has no such split.
    """
    name, colon, split = ref.partition(":")
    entry = _registry().questions.get(name)
    if entry is None:
        return None
    split = split if colon else entry.default
    if split not in entry.splits:
        raise DataError(
            f"{name} has no split '{split}'", where=ref, cure=did_you_mean(split, entry.splits)
        )
    return _question_file(name, entry, split)


def find_corpus(ref: str) -> NamedFile | None:
    """The corpus of a name; `None` where the name is none of a corpus."""
    entry = _registry().corpora.get(ref)
    return None if entry is None else _corpus_file(ref, entry)


def named_files(kind: Kind | None = None) -> Iterator[NamedFile]:
    """All of them in the order of the registry, question sets first."""
    registry = _registry()
    if kind != "corpus":
        for name, questions in registry.questions.items():
            for split in questions.splits:
                yield _question_file(name, questions, split)
    if kind != "questions":
        for name, corpus in registry.corpora.items():
            yield _corpus_file(name, corpus)


def set_names() -> list[str]:
    """Names of all question sets."""
    return list(_registry().questions)


def corpus_names() -> list[str]:
    """Names of all corpora."""
    return list(_registry().corpora)


@cache
def _registry() -> _Registry:
    data = yaml.safe_load(REGISTRY.read_text(encoding="utf-8"))
    # Strict, but for the tuples, which YAML has none of.
    return _Registry.model_validate(data, strict=False)


def _question_file(name: str, entry: _Questions, split: str) -> NamedFile:
    part = entry.splits[split]
    return NamedFile(
        name,
        split,
        "questions",
        entry.about,
        entry.licence,
        _registry().places[entry.place],
        part.file,
        part.questions,
        part.bytes,
        _megabytes(part),
        part.sha256,
        entry.matching,
        part.also,
        split == entry.default,
    )


def _corpus_file(name: str, entry: _Corpus) -> NamedFile:
    return NamedFile(
        name,
        "",
        "corpus",
        entry.about,
        entry.licence,
        _registry().places[entry.place],
        entry.file,
        entry.passages,
        entry.bytes,
        _megabytes(entry),
        entry.sha256,
        "tokens",
        entry.also,
        True,
    )


def _megabytes(file: _File) -> float | None:
    return file.mb if file.bytes is None else file.bytes / 1e6
