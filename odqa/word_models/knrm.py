"""Kernel pooling over a matrix of word similarities: KNRM (Xiong et al. 2017, section 3).

With ``M[i, j]`` the cosine of question word i and passage word j, and kernels of mean ``mu_k`` and
width ``sigma_k``::

    K_k(i) = sum_j exp(-(M[i, j] - mu_k)² / (2 sigma_k²))      soft term frequency
    phi_k  = scale * sum_i log(max(K_k(i), floor))             or log(1 + K_k(i)), see `SoftTf`
    score  = tanh(w · phi + b)                                 or without tanh
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from odqa.threads import BUILDING_MODELS
from odqa.word_models.folder import read_settings, read_weights
from odqa.word_models.matching import MatchingModel, load_words
from odqa.word_models.words import Words

Log = Literal["floor", "log1p"]
Activation = Literal["tanh", "none"]

#: The paper's eleven: an exact match, and the rest 0.2 apart.
KERNELS = ((1.0, 0.001), *((round(0.9 - 0.2 * i, 1), 0.1) for i in range(10)))


@dataclass(frozen=True, slots=True)
class KnrmSettings:
    """``kernels``: (mu, sigma) of each. ``log``: how soft term frequencies are made logarithms.

    ``floor`` (and ``scale`` 0.01) is what the authors' code does: ``log(max(K, 1e-10))``;
    ``log1p`` (and ``scale`` 1) what MatchZoo does: ``log(1 + K)``.
    """

    kernels: tuple[tuple[float, float], ...] = KERNELS
    log: Log = "floor"
    floor: float = 1e-10
    scale: float = 0.01
    activation: Activation = "tanh"
    stop_words: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as in ``config.json``."""
        return {
            "model_type": "odqa-knrm",
            "kernels": [list(kernel) for kernel in self.kernels],
            "log": self.log,
            "floor": self.floor,
            "scale": self.scale,
            "activation": self.activation,
            "stop_words": list(self.stop_words),
        }

    @classmethod
    def read(cls, folder: Path, name: str) -> KnrmSettings:
        """From ``config.json``.

        Raises:
            CheckpointError: another kind of model; a key is missing, unknown or of a wrong value.
        """
        file = read_settings(folder, name, "knrm", set(cls().to_dict()) - {"model_type"})
        kernels = file.values["kernels"]
        pairs = kernels if isinstance(kernels, list) else []
        if not pairs or not all(map(_is_kernel, pairs)):
            raise file.wrong("kernels", "a list of [mean, width] with widths above 0")
        for key, allowed in (("log", get_args(Log)), ("activation", get_args(Activation))):
            if file.values[key] not in allowed:
                raise file.wrong(key, " or ".join(allowed))
        floor, scale = file.number("floor", 0.0), file.number("scale", 0.0)
        if floor <= 0 or scale <= 0:
            raise file.wrong("floor" if floor <= 0 else "scale", "a number above 0")
        return cls(
            tuple((float(mu), float(sigma)) for mu, sigma in pairs),
            file.values["log"],
            floor,
            scale,
            file.values["activation"],
            file.texts("stop_words") or (),
        )


def _is_kernel(pair: object) -> bool:
    return (
        isinstance(pair, list)
        and len(pair) == 2
        and all(type(number) in (int, float) and math.isfinite(number) for number in pair)
        and pair[1] > 0
    )


class Knrm(nn.Module):
    """Scores of pairs from the cosines of their words.

    ``matrix`` is [..., q, p], with masks [..., q] and [..., p]: 1 for words, 0 for padding.
    """

    def __init__(self, settings: KnrmSettings) -> None:
        super().__init__()
        self.settings = settings
        self.linear = nn.Linear(len(settings.kernels), 1)

    def forward(self, matrix: Tensor, question_mask: Tensor, passage_mask: Tensor) -> Tensor:
        """Scores [...], float64; between -1 and 1 with tanh."""
        features = self.features(matrix, question_mask, passage_mask)
        # In float64 few scores near the ends of tanh are equal.
        score = features.double() @ self.linear.weight[0].double() + self.linear.bias.double()
        return score.tanh() if self.settings.activation == "tanh" else score

    def features(self, matrix: Tensor, question_mask: Tensor, passage_mask: Tensor) -> Tensor:
        """``phi``: [..., kernels]."""
        settings = self.settings
        features = []
        for mean, width in settings.kernels:
            kernel = torch.exp(-0.5 * ((matrix - mean) / width) ** 2)
            frequency = (kernel * passage_mask[..., None, :]).sum(-1)
            logarithm = (
                frequency.log1p()
                if settings.log == "log1p"
                else frequency.clamp(min=settings.floor).log()
            )
            features.append(settings.scale * (logarithm * question_mask).sum(-1))
        return torch.stack(features, dim=-1)


class KnrmModel(MatchingModel):
    """KNRM with its word vectors, loaded from a checkpoint folder."""

    def __init__(
        self, settings: KnrmSettings, words: Words, table: Tensor, knrm: Knrm, device: torch.device
    ) -> None:
        super().__init__(words, table, knrm, device)
        self.settings = settings

    @classmethod
    def load(cls, folder: Path, name: str, device: torch.device) -> KnrmModel:
        """From a folder with ``config.json``, ``model.safetensors`` and a tokenizer.

        Raises:
            CheckpointError: another kind of checkpoint, or an incomplete or damaged one.
        """
        settings = KnrmSettings.read(folder, name)
        kernels = len(settings.kernels)
        shapes = {
            "word_vectors": (None, None),
            "linear.weight": (1, kernels),
            "linear.bias": (1,),
        }
        tensors = read_weights(folder, name, shapes)
        table = tensors.pop("word_vectors")
        words = load_words(folder, name, settings.stop_words, len(table))
        with BUILDING_MODELS:
            knrm = Knrm(settings)
        knrm.load_state_dict(tensors)
        return cls(settings, words, table, knrm, device)

    def facts(self) -> dict[str, str]:
        return {"kernels": str(len(self.settings.kernels))}

    def match_gflop(self, question: int, passage: int) -> float:
        """Per kernel and pair five operations: two for the distance, its square, the exponential
        and the sum. Per kernel and question word a logarithm and a sum, and at the end two."""
        kernels = len(self.settings.kernels)
        return kernels * (5 * question * passage + 2 * question + 2) / 1e9

    def _score(
        self, question: Tensor, passages: Tensor, matrix: Tensor, passage_mask: Tensor
    ) -> Tensor:
        del passages
        ones = torch.ones(question.shape, device=matrix.device)
        scores: Tensor = self._layers(matrix, ones, passage_mask)
        return scores
