"""The keys of a recipe: everything that a set of weights depends on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from odqa.bounds import BoundedModel

TaskName = Literal[
    "cross-encoder",
    "colbert",
    "monot5",
    "reader",
    "dpr-reader",
    "dpr",
    "sentence",
    "fid",
    "lm",
    "splade",
    "retro-ranker",
    "retro-lm",
    "retro-reader",
    "knrm",
    "drmm",
    "dssm",
    "snrm",
]


#: Names a data source and the run file of what is mined for it.
SourceName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]


def _as_list(value: object) -> object:
    """One path stands for a list of one."""
    return [value] if isinstance(value, str | Path) else value


class Part(BoundedModel):
    """Base of all parts: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DataPart(Part):
    """What is trained on.

    Paths are relative to ``root``, those of runs to ``mined``, and these two to the recipe.
    """

    root: Path = Field(description="Folder of the data.")
    mined: Path = Field(Path("../../build/mined"), description="Folder of mined runs.")
    corpus: Path = Field(description="Passages, DPR's TSV.")
    questions: Path | None = Field(
        None, description="Training questions, NQ-open's JSON lines; a language model needs none."
    )
    qrels: Path | None = Field(
        None, description="Gold passage of each training question, TREC qrels."
    )
    reading: dict[SourceName, Path] = Field(
        default_factory=dict, description="Name -> question/context/answers, JSON lines."
    )
    weights: dict[str, float] = Field(
        default_factory=lambda: {"nq": 1.0},
        description="How often each source is drawn, relative to the others; nq is the questions.",
    )
    candidates: list[Path] = Field(
        default_factory=list, description="Mined runs that negatives are drawn from."
    )
    teacher: Annotated[list[Path], BeforeValidator(_as_list)] = Field(
        default_factory=list,
        description="Run with a teacher's scores, for distillation. Of several, the mean of a "
        "passage's scores counts: the product of their distributions, normalised.",
    )
    held_out: int = Field(
        150,
        ge=0,
        description="Training questions set apart to choose by, 0: none, and the last checkpoint "
        "is kept; of a language model, passages set apart to judge it by.",
    )
    held_out_seed: int | None = Field(
        None,
        ge=0,
        description="Decides which; default: the recipe's seed. Trainings that differ by seed, or "
        "start from another, are told apart by the same questions only if it is the same.",
    )
    folds: int | None = Field(
        None,
        ge=2,
        le=1_000,
        description="Choose the number of steps by cross-validation over this many parts of the "
        "questions, then train on all of them; held_out does not count.",
    )
    fold: int | None = Field(
        None, ge=1, description="Train on all parts but this one, which is validated; one of folds."
    )
    validation: dict[SourceName, Annotated[int, Field(ge=1, le=1_000_000)]] = Field(
        default_factory=dict,
        description="Reading sources whose last rows, so many, are never trained on: they are "
        "validated beside the questions, and the mean over sources decides.",
    )

    @model_validator(mode="after")
    def _a_fold_is_one_of_several(self) -> Self:
        if self.fold is not None and (self.folds is None or self.fold > self.folds):
            raise ValueError(f"fold {self.fold} is none of {self.folds or 'no'} folds")
        if unknown := sorted(set(self.validation) - set(self.reading)):
            raise ValueError(f"validation names '{unknown[0]}', which is no source of reading")
        return self

    @property
    def validates(self) -> bool:
        """Whether questions are set apart to choose by."""
        return self.fold is not None or (self.folds is None and self.held_out > 0)


class NegativePart(Part):
    """Which candidates become negatives."""

    count: int = Field(5, ge=1, le=65_536, description="Negatives per question.")
    depth: int = Field(
        20, ge=1, le=1_000_000, description="They are drawn from this many best candidates."
    )
    with_answers: bool = Field(
        False,
        description="Draw passages that hold an accepted answer too: some only mention it, and of "
        "several that answer, the annotated one is to come first.",
    )
    others: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="Besides, gold passages of this many other questions: easy to tell apart, so "
        "that a model that knows nothing yet has something to learn first.",
    )


class LoraPart(Part):
    """Low-rank change of every linear layer (Hu et al. 2021)."""

    r: int = Field(32, ge=1, le=65_536, description="Rank.")
    alpha: float = Field(64.0, gt=0, description="The change is multiplied by alpha / r.")
    dropout: float = Field(0.05, ge=0, lt=1, description="Dropout before the low-rank change.")
    encoder_dropout: float = Field(
        0.1, ge=0, lt=1, description="Dropout inside the encoder; 0 is a quarter faster on a CPU."
    )
    keep: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Share of the low-rank change that is validated and written: a point between "
        "the base model and the trained one (Wortsman et al. 2022, WiSE-FT). Heads stay whole.",
    )


class OptimPart(Part):
    """Steps, batches and learning rate."""

    steps: int = Field(ge=1, description="Optimiser steps at most.")
    batch: int = Field(ge=1, le=65_536, description="Questions per forward pass.")
    accumulate: int = Field(1, ge=1, le=65_536, description="Forward passes per optimiser step.")
    horizon: int | None = Field(
        None, ge=1, description="Step at which the learning rate would be 0; default: the last."
    )
    lr: float = Field(gt=0, description="Highest learning rate.")
    head_lr: float | None = Field(None, gt=0, description="The same for new layers.")
    warmup: float = Field(0.06, ge=0, lt=1, description="Share of steps with a rising rate.")
    weight_decay: float = Field(0.01, ge=0)
    clip: float = Field(1.0, gt=0, description="Largest norm of the gradient.")
    bf16: bool | None = Field(
        None, description="Forward passes in bfloat16; null: where the processor computes in it."
    )
    evaluate_every: int = Field(ge=1, description="Steps between evaluations and checkpoints.")
    evaluate_first: bool = Field(False, description="Evaluate before the first step too.")
    patience: int = Field(3, ge=1, description="Evaluations without a gain before it stops.")


class Recipe(Part):
    """One training, complete."""

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=100, description="Name of the model."
    )
    task: TaskName = Field(description="What is trained.")
    description: str = Field("", description="One line for the card.")
    start: Path | None = Field(
        None,
        description="Training run whose weights are trained on, relative to the recipe; same base "
        "and lora. What it has no weights for begins new. Default: the base model.",
    )
    seed: int = Field(
        ge=0, description="Decides the order, the negatives, the new layers, dropout."
    )
    data: DataPart
    negatives: NegativePart = NegativePart()
    lora: LoraPart = LoraPart()
    optim: OptimPart
    settings: dict[str, Any] = Field(default_factory=dict, description="Keys of the task itself.")

    @model_validator(mode="after")
    def _teacher_knows_the_negatives(self) -> Self:
        if self.data.teacher and self.negatives.others:
            raise ValueError(
                "a teacher (data.teacher) has not scored negatives.others: set it to 0"
            )
        return self

    @property
    def split_seed(self) -> int:
        """What is held out follows from this."""
        apart = self.data.held_out_seed
        return self.seed if apart is None else apart

    def with_seed(self, seed: int) -> Recipe:
        """The same training by another seed; what is held out stays the same."""
        data = self.data.model_copy(update={"held_out_seed": self.split_seed})
        return self.model_copy(update={"seed": seed, "data": data})

    def in_fold(self, fold: int, folds: int) -> Recipe:
        """The training whose validation questions are one part of several, to its last step.

        Every fold has a seed of its own: the spread over folds is one of seeds too.
        """
        part = self.with_seed(self.seed + fold - 1)
        data = part.data.model_copy(update={"folds": folds, "fold": fold})
        steps = {"evaluate_first": True, "patience": self.optim.steps}
        optim = part.optim.model_copy(update=steps)
        return part.model_copy(update={"data": data, "optim": optim})

    def on_all(self, steps: int, folds: int) -> Recipe:
        """The training on all questions that ends at a step which folds have chosen."""
        data = self.data.model_copy(update={"folds": folds, "fold": None})
        horizon = self.optim.horizon or self.optim.steps
        optim = self.optim.model_copy(update={"steps": steps, "horizon": horizon})
        return self.model_copy(update={"data": data, "optim": optim})
