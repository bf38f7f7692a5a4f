"""The transformers Trainer for a `Task`: its schedule, loss, validation and checkpoints."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils.data import Dataset, SequentialSampler
from transformers import Trainer, TrainerCallback, TrainerState, TrainingArguments

from odqa.errors import RunError
from odqa.training.model.lora import kept
from odqa.training.recipes import OptimPart, Recipe
from odqa.training.tasks.base import Schedule, Task
from odqa.training.trainer.checkpoints import STATE, Checkpoints, read_state
from odqa.training.trainer.precision import forward_precision


class TaskTrainer(Trainer):
    """Trains one task. What a checkpoint holds is enough to go on as if nothing had happened.

    The schedule fixes the items, so the order is sequential and resuming skips what was used;
    optimiser, learning rate and random states are restored by the Trainer. Only parameters with
    gradient are written. The last checkpoint and the best one are kept.
    """

    optimizer: torch.optim.Optimizer | None
    control: Any
    state: Any

    def __init__(self, task: Task, model: nn.Module, checkpoints: Checkpoints):
        self._task = task
        self._checkpoints = checkpoints
        recipe = task.recipe
        # transformers 5 writes `use_cache` into the model's config; RETRO's is a frozen dataclass.
        frozen: Any = getattr(model, "config", None)
        if hidden := is_dataclass(frozen):
            del model.config
        super().__init__(
            model=model,
            args=training_arguments(
                recipe,
                task.metric,
                checkpoints.folder,
                smaller_is_better=task.smaller_is_better,
            ),
            data_collator=task.collate,
            train_dataset=_ScheduleDataset(task.schedule()),
            # Never read: `evaluate` asks the task. The Trainer insists on one.
            eval_dataset=_ScheduleDataset([]),
            callbacks=[_StopsWithoutProgress(task)],
        )
        if hidden:
            model.config = frozen

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | None = None,
    ) -> Any:
        with self._precision():
            loss = self._task.loss(model, inputs)
        if not torch.isfinite(loss).all():
            raise RunError(
                f"the loss of step {self.state.global_step + 1} is {float(loss)}",
                where=self._task.recipe.name,
                cure="train with a lower optim.lr, or with optim.bf16: false",
            )
        return (loss, None) if return_outputs else loss

    def create_optimizer(self) -> torch.optim.Optimizer:
        if self.optimizer is None:
            groups = parameter_groups(self.model, self._task.recipe.optim)
            self.optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.999), eps=1e-8)
        return self.optimizer

    def create_scheduler(
        self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None
    ) -> Any:
        horizon = self._task.recipe.optim.horizon or num_training_steps
        return super().create_scheduler(horizon, optimizer)

    def evaluate(
        self,
        eval_dataset: Any = None,
        ignore_keys: Any = None,
        metric_key_prefix: str = "eval",
    ) -> dict[str, float]:
        was_training = self.model.training
        self.model.eval()
        share = self._task.recipe.lora.keep
        with torch.no_grad(), self._precision(), kept(self.model, share):
            figures = self._task.evaluate(self.model)
        self.model.train(was_training)
        figures = {f"{metric_key_prefix}_{name}": value for name, value in figures.items()}
        self.log(figures)
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, figures
        )
        return figures

    def _get_train_sampler(self, train_dataset: Any = None) -> SequentialSampler:
        return SequentialSampler(train_dataset if train_dataset is not None else self.train_dataset)

    def has_ended(self, checkpoint: Path) -> bool:
        """Whether nothing was left to train when it was written."""
        state = read_state(checkpoint)
        optim = self._task.recipe.optim
        stalled = evaluations_since_best(state["log_history"], self._task) >= optim.patience
        return stalled or int(state["global_step"]) >= optim.steps

    def restore(self, checkpoint: Path) -> None:
        """What `train` left behind, of a training that ended with this checkpoint."""
        self.state = TrainerState.load_from_json(str(checkpoint / STATE))
        self._load_best_model()

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        step = self.state.global_step
        with self._checkpoints.saving(step) as draft:
            self.args.output_dir = str(draft)
            try:
                super()._save_checkpoint(model, trial)
            finally:
                self.args.output_dir = str(self._checkpoints.folder)
        best = self.state.best_global_step or step
        self.state.best_model_checkpoint = str(self._checkpoints.path(best))
        self._checkpoints.keep({best, step})

    def _load_best_model(self) -> None:
        # The state of a checkpoint names the folder in which the training once began.
        best = self.state.best_global_step or self.state.global_step
        self.state.best_model_checkpoint = str(self._checkpoints.path(best))
        super()._load_best_model()

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        folder = Path(output_dir or self.args.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        save_file(trainable(self.model), folder / "model.safetensors", {"format": "pt"})

    def _issue_warnings_after_load(self, load_result: Any) -> None:
        # Checkpoints hold only what was trained: that the rest is missing is no news.
        pass

    def _precision(self) -> AbstractContextManager[None]:
        return forward_precision(self._task.recipe.optim, self.args.device)


class _StopsWithoutProgress(TrainerCallback):
    """Ends a training after ``patience`` evaluations without a new best.

    Counted from the log, which checkpoints keep, so that a resumed training ends where it would
    have ended.
    """

    def __init__(self, task: Task) -> None:
        self._task = task

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if (
            evaluations_since_best(state.log_history, self._task)
            >= self._task.recipe.optim.patience
        ):
            control.should_training_stop = True


class _ScheduleDataset(Dataset[Any]):
    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule

    def __len__(self) -> int:
        return len(self._schedule)

    def __getitem__(self, index: int) -> Any:
        return self._schedule[index]


def trainable(model: nn.Module) -> dict[str, Tensor]:
    """Parameters that are trained, by name."""
    return {
        name: parameter.detach().contiguous()
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }


def parameter_groups(model: nn.Module, optim: OptimPart) -> list[dict[str, Any]]:
    """Low-rank changes and heads with their learning rates; vectors are not decayed."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        rate = optim.lr if ".lora_" in name else optim.head_lr or optim.lr
        decay = optim.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    return [
        {"params": parameters, "lr": rate, "weight_decay": decay}
        for (rate, decay), parameters in groups.items()
    ]


def training_arguments(
    recipe: Recipe, metric: str, folder: Path, *, smaller_is_better: bool = False
) -> TrainingArguments:
    """The arguments of transformers for a recipe."""
    optim = recipe.optim
    return TrainingArguments(
        output_dir=str(folder),
        max_steps=optim.steps,
        per_device_train_batch_size=optim.batch,
        gradient_accumulation_steps=optim.accumulate,
        learning_rate=optim.lr,
        lr_scheduler_type="cosine",
        warmup_steps=math.ceil(optim.warmup * (optim.horizon or optim.steps)),
        max_grad_norm=optim.clip,
        seed=recipe.seed,
        data_seed=recipe.seed,
        eval_strategy="steps" if recipe.data.validates else "no",
        eval_steps=optim.evaluate_every,
        eval_on_start=optim.evaluate_first and recipe.data.validates,
        save_strategy="steps",
        save_steps=optim.evaluate_every,
        # The trainer removes checkpoints itself.
        save_total_limit=None,
        load_best_model_at_end=recipe.data.validates,
        metric_for_best_model=metric,
        greater_is_better=not smaller_is_better,
        logging_steps=min(20, optim.evaluate_every),
        report_to="none",
        remove_unused_columns=False,
        dataloader_num_workers=0,
        use_cpu=not torch.cuda.is_available(),
        label_names=[],
    )


def learning_curve(history: Sequence[Mapping[str, Any]]) -> list[dict[str, float]]:
    """The evaluations in a Trainer's log, one row each: step and figures, sorted by name.

    A checkpoint does not keep the order in which a task names its figures.
    """
    rows = [row for row in history if any(key.startswith("eval_") for key in row)]
    return [
        {"step": row["step"]}
        | {name.removeprefix("eval_"): row[name] for name in sorted(row) if name[:5] == "eval_"}
        for row in rows
    ]


def evaluations_since_best(history: Sequence[Mapping[str, Any]], task: Task) -> int:
    """How many of the latest evaluations in a Trainer's log were no better than one before."""
    sign = -1.0 if task.smaller_is_better else 1.0
    best, since = -math.inf, 0
    for row in learning_curve(history):
        value = sign * row[task.metric]
        since = 0 if value > best else since + 1
        best = max(best, value)
    return since
