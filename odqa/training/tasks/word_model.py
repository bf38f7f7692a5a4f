"""What the tasks of word models have in common: their words, and how their weights are stored."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from odqa.checkpoints.base_model import base_model_dir
from odqa.checkpoints.delta import write_delta
from odqa.checkpoints.weights import read_tensor
from odqa.checkpoints.word_models import BASE_TABLE
from odqa.rewriters.keywords import FUNCTION_WORDS
from odqa.training.model.card import write_card
from odqa.training.tasks.base import RankingTask, TrainedModel
from odqa.training.trainer.task_trainer import trainable
from odqa.word_models.words import Words

if TYPE_CHECKING:
    from torch import Tensor, nn

_LIMITS = (
    "English only. Trained for minutes on one CPU core, on about 1,100 Natural Questions and what "
    "is named above, where its paper has millions of queries: a fair object of comparison with the "
    "other small models here, not with published figures.",
)


class WordModelTask(RankingTask):
    """A task whose tensors are stored whole, with the settings of the checkpoint beside them."""

    #: ``kind`` of the stored weights.
    kind: ClassVar[str]
    #: What the card says is stored.
    weights: ClassVar[str] = (
        "a matrix through which all-MiniLM-L6-v2's word-piece vectors go, and the layers after it, "
        "whole; stored in float16"
    )
    limits: ClassVar[tuple[str, ...]] = _LIMITS

    @abstractmethod
    def model_settings(self) -> Mapping[str, Any]:
        """Content of the checkpoint's ``config.json``."""

    def trained(self, model: nn.Module) -> dict[str, TrainedModel]:
        config = {"kind": self.kind, "settings": dict(self.model_settings())}
        return {self.recipe.name: TrainedModel(self.tensors(model), config)}

    def tensors(self, model: nn.Module) -> dict[str, Tensor]:
        """What is stored: by default all that was trained."""
        return trainable(model)

    def write(
        self, folder: Path, name: str, trained: TrainedModel, curve: Sequence[Mapping[str, float]]
    ) -> None:
        write_delta(folder, trained.tensors, trained.config)
        write_card(
            folder,
            name,
            self.recipe,
            curve,
            self.metric,
            weights=self.weights,
            limits=self.limits,
        )

    @cached_property
    def stop_words(self) -> tuple[str, ...]:
        """Function words that are one token of the base model's tokenizer."""
        vocabulary = self.tokenizer.get_vocab()
        return tuple(sorted(word for word in FUNCTION_WORDS if word in vocabulary))

    @cached_property
    def words(self) -> Words:
        """The base model's word pieces, without the stop words."""
        return Words(self.tokenizer, self.stop_words, self.recipe.name)

    def base_table(self) -> Tensor:
        """The base model's word-piece vectors, float32 [pieces, 384]."""
        table = read_tensor(base_model_dir(), BASE_TABLE)
        assert table is not None, "its SHA-256 is that of a model which has it"
        return table.float()
