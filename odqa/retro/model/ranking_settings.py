"""The settings of a RETRO ranker beside its model: ``ranking.json`` of the checkpoint folder."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from odqa.errors import CheckpointError
from odqa.retro.model.layouts import LayoutName

SETTINGS_FILE = "ranking.json"
ReadOut = Literal["last", "mean"]


@dataclass(frozen=True, slots=True)
class RankingSettings:
    """How the ranker was trained, and therefore how it must be used.

    Attributes:
        layout: of the question over chunks (see `odqa.retro.model.layouts`).
        similarity: weight of the cosine of mean encodings that is added to the head's score.
        prompt: the constant first chunk of layout ``prompt`` and of question likelihood.
        readout: whether the head reads the score token's final state, or the mean of those of all
            tokens that see the passage, so that each token's match counts, as in MaxSim.
    """

    layout: LayoutName = "echo"
    similarity: float = 0.0
    prompt: str = "Write a question that this passage answers."
    readout: ReadOut = "last"

    def save(self, folder: Path) -> None:
        """Write ``ranking.json`` into a checkpoint folder, whole or not at all."""
        path = folder / SETTINGS_FILE
        work = path.with_suffix(".json.partial")
        work.write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n", encoding="utf-8")
        os.replace(work, path)

    @classmethod
    def read(cls, folder: Path) -> RankingSettings:
        """From a checkpoint folder; the defaults where the file is absent.

        Raises:
            CheckpointError: the file is not JSON, or holds something else.
        """
        path = folder / SETTINGS_FILE
        if not path.is_file():
            return cls()
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise CheckpointError(f"not readable as JSON ({error})", where=str(path)) from error
        return cls.from_dict(data, str(path))

    @classmethod
    def from_dict(cls, data: object, where: str) -> RankingSettings:
        """From plain values; CheckpointError where a key or value does not fit."""
        names = {field.name for field in dataclasses.fields(cls)}
        if not isinstance(data, Mapping) or not set(data) <= names:
            raise CheckpointError(
                "not the settings of a RETRO ranker",
                where=where,
                cure=f"known keys: {', '.join(sorted(names))}",
            )
        settings = cls(**data)
        if type(settings.similarity) not in (int, float) or not math.isfinite(settings.similarity):
            raise CheckpointError(
                f"similarity is {settings.similarity!r}", where=where, cure="use a finite number"
            )
        if not isinstance(settings.prompt, str):
            raise CheckpointError(f"prompt is {settings.prompt!r}", where=where, cure="use a text")
        if settings.layout not in ("echo", "prefix", "prompt"):
            raise CheckpointError(
                f"layout is {settings.layout!r}", where=where, cure="use echo, prefix or prompt"
            )
        if settings.readout not in get_args(ReadOut):
            raise CheckpointError(
                f"readout is {settings.readout!r}", where=where, cure="use last or mean"
            )
        return settings
