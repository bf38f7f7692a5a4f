"""What tasks that train a whole small model of transformers have in common: FiD and LM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from odqa.training.model.card import write_whole_card
from odqa.training.model.whole_model import train_byte_tokenizer, write_whole_model
from odqa.training.tasks.base import Task, TrainedModel

if TYPE_CHECKING:
    from torch import nn


class WholeModelTask(Task):
    """A model trained from scratch; settings must have ``vocabulary``, its number of tokens.

    The checkpoint is chosen by ``nll``, the mean loss of a token of an answer.
    """

    metric: ClassVar[str] = "nll"
    smaller_is_better: ClassVar[bool] = True
    #: What the card says before anyone uses it.
    limits: ClassVar[tuple[str, ...]]

    def trained(self, model: nn.Module) -> dict[str, TrainedModel]:
        return {self.recipe.name: TrainedModel(model.state_dict())}

    def write(
        self, folder: Path, name: str, trained: TrainedModel, curve: Sequence[Mapping[str, float]]
    ) -> None:
        """An ordinary checkpoint with its tokenizer and card; it changes no base model."""
        model = self.build()
        model.load_state_dict(dict(trained.tensors))
        write_whole_model(folder, model, self.tokenizer)
        write_whole_card(
            folder,
            name,
            self.recipe,
            curve,
            self.metric,
            smaller_is_better=True,
            limits=self.limits,
        )

    def train_tokenizer(self, *, of_encoder: bool = False) -> Any:
        """Learnt from the passages and the training questions; see `train_byte_tokenizer`."""
        texts = [passage.full_text for passage in self.data.passages.values()]
        texts += [row.question.text for rows in self.data.train.values() for row in rows]
        return train_byte_tokenizer(texts, self.settings.vocabulary, of_encoder=of_encoder)
