"""What a task must say to be trained: the only contract between the trainer and a model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from odqa.models.delta import write_delta
from odqa.progress import progress
from odqa.training.data.training_data import gold_rank, load_examples, order_figures
from odqa.training.model.base_encoder import base_tokenizer
from odqa.training.model.card import write_card
from odqa.training.recipes import Part, Recipe

if TYPE_CHECKING:
    from torch import Tensor, nn

    from odqa.training.data.training_data import Example, Examples
    from odqa.types import Hit


class Items(Protocol):
    """What a training goes through: of known length, each item by its number."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


class NoSettings(Part):
    """A task without keys of its own."""


@dataclass(frozen=True, slots=True)
class Trained:
    """What is kept of a trained model: its tensors, and how they become a checkpoint.

    ``prefix`` is what the tensors' names had before them in the model that was trained.
    """

    tensors: Mapping[str, Tensor]
    config: Mapping[str, Any] = field(default_factory=dict)
    prefix: str = ""


class Task(ABC):
    """One kind of model.

    The trainer calls `build` once, walks through `schedule` in order, hands batches of its items
    to `collate` and the result to `loss`, and chooses the checkpoint whose `evaluate` is best.
    Only parameters with ``requires_grad`` are saved.

    Attributes:
        Settings: keys that a recipe may have under ``settings``.
        metric: the figure of `evaluate` that the checkpoint is chosen by.
        smaller_is_better: whether it is to be small rather than large.
    """

    Settings: ClassVar[type[Part]] = NoSettings
    metric: ClassVar[str]
    smaller_is_better: ClassVar[bool] = False

    @classmethod
    def load(cls, recipe: Recipe) -> Self:
        """The task with the data that the recipe names.

        Raises:
            DataError: a file is missing or broken.
        """
        return cls(recipe, load_examples(recipe.data, recipe.split_seed))

    def __init__(self, recipe: Recipe, examples: Examples) -> None:
        self.recipe = recipe
        self.examples = examples
        self.settings: Any = self.Settings.model_validate(recipe.settings)

    @abstractmethod
    def build(self) -> nn.Module:
        """The model at step 0, what is frozen without gradient. Called with the seed set."""

    @abstractmethod
    def schedule(self) -> Items:
        """Every item of the training; item i must not depend on the items before it."""

    @abstractmethod
    def collate(self, items: Sequence[Any]) -> dict[str, Any]:
        """A batch: tensors, or lists and dicts of tensors."""

    @abstractmethod
    def loss(self, model: nn.Module, batch: dict[str, Any]) -> Tensor:
        """Mean loss of a batch, a scalar with gradient."""

    @abstractmethod
    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """Figures on the held-out questions; the model is in eval mode, without gradient."""

    @abstractmethod
    def trained(self, model: nn.Module) -> dict[str, Trained]:
        """Name of each shipped model -> what is kept of it."""

    def write(
        self, folder: Path, name: str, kept: Trained, curve: Sequence[Mapping[str, float]]
    ) -> None:
        """Write one of `trained`: here as a change of the base model, with its card.

        Args:
            folder: written into.
            name: of the model.
            kept: what is kept of it.
            curve: held-out figures by step.
        """
        scale = {"r": self.recipe.lora.r, "alpha": self.recipe.lora.alpha}
        write_delta(folder, kept.tensors, {**kept.config, "lora": scale})
        write_card(folder, name, self.recipe, curve, self.metric)

    @cached_property
    def tokenizer(self) -> Any:
        """The base model's, loaded on first use."""
        return base_tokenizer()

    @property
    def items(self) -> int:
        """How many items the whole training uses."""
        optim = self.recipe.optim
        return optim.steps * optim.batch * optim.accumulate


class RankingTask(Task):
    """A task whose model orders candidates; settings must have ``evaluated``, their number."""

    metric: ClassVar[str] = "MRR@10"

    @abstractmethod
    def rank_all(
        self, model: nn.Module, examples: Sequence[Example], depth: int
    ) -> dict[str, list[Hit]]:
        """Question id -> its ``depth`` best candidates in the model's order."""

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        ranked = self.rank_all(model, self.examples.held_out, self.settings.evaluated)
        return self.figures(ranked)

    def figures(self, ranked: Mapping[str, list[Hit]]) -> dict[str, float]:
        """R@1, R@5 and MRR@10 of an order of the held-out questions' candidates."""
        return order_figures(
            {
                example.question.id: gold_rank(ranked[example.question.id], example.gold)
                for example in self.examples.held_out
            }
        )


class CandidateRankingTask(RankingTask):
    """A task that ranks the candidates of one question at a time: it can teach others."""

    @abstractmethod
    def rank(self, model: nn.Module, example: Example, hits: Sequence[Hit]) -> list[Hit]:
        """Hits of one question, with the model's scores, in the order of these."""

    def rank_all(
        self, model: nn.Module, examples: Sequence[Example], depth: int
    ) -> dict[str, list[Hit]]:
        return {
            example.question.id: self.rank(
                model, example, self.examples.candidates[example.question.id][:depth]
            )
            for example in progress(examples, "ranking", len(examples), unit="question")
        }
