"""The interface of a task: the only contract between the trainer and a model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from odqa.checkpoints.delta import write_delta
from odqa.metrics.retrieval import ranking_figures
from odqa.progress import progress
from odqa.training.data.training_data import load_training_data
from odqa.training.model.base_encoder import base_tokenizer
from odqa.training.model.card import write_card
from odqa.training.recipes import Part, Recipe

if TYPE_CHECKING:
    from torch import Tensor, nn

    from odqa.training.data.labelled_question import LabelledQuestion
    from odqa.training.data.training_data import TrainingData
    from odqa.types import Hit


class Schedule(Protocol):
    """The items of a training in the order of use: of known length, each by its number."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


class NoSettings(Part):
    """A task without keys of its own."""


@dataclass(frozen=True, slots=True)
class TrainedModel:
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
        weights: what is stored, for the card, with ``{r}`` and ``{alpha}``; default: a low-rank
            change of the base model.
    """

    Settings: ClassVar[type[Part]] = NoSettings
    metric: ClassVar[str]
    smaller_is_better: ClassVar[bool] = False
    weights: ClassVar[str] = ""

    @classmethod
    def load(cls, recipe: Recipe) -> Self:
        """The task with the data that the recipe names.

        Raises:
            DataError: a file is missing or broken.
        """
        return cls(recipe, load_training_data(recipe.data, recipe.split_seed))

    def __init__(self, recipe: Recipe, data: TrainingData) -> None:
        self.recipe = recipe
        self.data = data
        self.settings: Any = self.Settings.model_validate(recipe.settings)

    @abstractmethod
    def build(self) -> nn.Module:
        """The model at step 0, what is frozen without gradient. Called with the seed set."""

    @abstractmethod
    def schedule(self) -> Schedule:
        """Every item of the training; item i must not depend on the items before it."""

    @abstractmethod
    def collate(self, items: Sequence[Any]) -> dict[str, Any]:
        """A batch: tensors, or lists and dicts of tensors."""

    @abstractmethod
    def loss(self, model: nn.Module, batch: dict[str, Any]) -> Tensor:
        """Mean loss of a batch, a scalar with gradient."""

    @abstractmethod
    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """Figures on the validation split; the model is in eval mode, without gradient."""

    @abstractmethod
    def trained(self, model: nn.Module) -> dict[str, TrainedModel]:
        """Name of each shipped model -> what is kept of it."""

    def write(
        self, folder: Path, name: str, trained: TrainedModel, curve: Sequence[Mapping[str, float]]
    ) -> None:
        """Write one of `trained`: here as a change of the base model, with its card.

        Args:
            folder: written into.
            name: of the model.
            trained: what is kept of it.
            curve: figures on the validation split by step.
        """
        scale = {"r": self.recipe.lora.r, "alpha": self.recipe.lora.alpha}
        write_delta(folder, trained.tensors, {**trained.config, "lora": scale})
        write_card(folder, name, self.recipe, curve, self.metric, weights=self.weights)

    def counterpart(self, name: str) -> str:
        """Where a parameter of another task's model is in this one's; default: the same name."""
        return name

    @cached_property
    def tokenizer(self) -> Any:
        """The base model's, loaded on first use."""
        return base_tokenizer()

    @property
    def schedule_length(self) -> int:
        """Items that the whole training uses."""
        optim = self.recipe.optim
        return optim.steps * optim.batch * optim.accumulate


class RankingTask(Task):
    """A task whose model orders candidates; settings must have ``evaluated``, their number."""

    metric: ClassVar[str] = "MRR@10"

    @abstractmethod
    def rank_all(
        self, model: nn.Module, questions: Sequence[LabelledQuestion], depth: int
    ) -> dict[str, list[Hit]]:
        """Question id -> its ``depth`` best candidates in the model's order."""

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        return self.figures(self.rank_all(model, self.data.validation, self.settings.evaluated))

    def figures(self, ranked: Mapping[str, list[Hit]]) -> dict[str, float]:
        """R@1, R@5 and MRR@10 of an order of the validation questions' candidates.

        Where several sources are validated, the mean over them, and each with its name.
        """
        by_source: dict[str, dict[str, float]] = {}
        for source in dict.fromkeys(row.source for row in self.data.validation):
            rows = [row for row in self.data.validation if row.source == source]
            qrels = {row.question.id: {row.gold_id: 1} for row in rows}
            hits = {question: ranked[question] for question in qrels}
            by_source[source] = ranking_figures(hits, qrels)
        figures = {
            name: fmean(of[name] for of in by_source.values())
            for name in next(iter(by_source.values()))
        }
        if len(by_source) > 1:
            for source, of in by_source.items():
                figures |= {f"{source} {name}": value for name, value in of.items()}
        return figures


class CandidateRankingTask(RankingTask):
    """A task that ranks the candidates of one question at a time: it can be a teacher."""

    @abstractmethod
    def rank(self, model: nn.Module, labelled: LabelledQuestion, hits: Sequence[Hit]) -> list[Hit]:
        """Hits of one question, with the model's scores, in the order of these."""

    def rank_all(
        self, model: nn.Module, questions: Sequence[LabelledQuestion], depth: int
    ) -> dict[str, list[Hit]]:
        return {
            labelled.question.id: self.rank(
                model, labelled, self.data.candidates[labelled.question.id][:depth]
            )
            for labelled in progress(questions, "ranking", len(questions), unit="question")
        }
