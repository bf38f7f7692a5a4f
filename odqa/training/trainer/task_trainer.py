"""The transformers Trainer for a `Task`: its schedule, loss, validation and checkpoints."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils.data import Dataset, SequentialSampler
from transformers import EarlyStoppingCallback, Trainer, TrainingArguments

from odqa.training.recipes import OptimPart, Recipe
from odqa.training.tasks.base import Schedule, Task
from odqa.training.trainer.precision import forward_precision


class TaskTrainer(Trainer):
    """Trains one task. What a checkpoint holds is enough to go on as if nothing had happened.

    The schedule fixes the items, so the order is sequential and resuming skips what was used;
    optimiser, learning rate and random states are restored by the Trainer. Only parameters with
    gradient are written.
    """

    optimizer: torch.optim.Optimizer | None
    control: Any

    def __init__(self, task: Task, model: nn.Module, folder: Path, *, report_to: str = "none"):
        self._task = task
        recipe = task.recipe
        super().__init__(
            model=model,
            args=training_arguments(
                recipe, task.metric, folder, report_to, smaller_is_better=task.smaller_is_better
            ),
            data_collator=task.collate,
            train_dataset=_ScheduleDataset(task.schedule()),
            # Never read: `evaluate` asks the task. The Trainer insists on one.
            eval_dataset=_ScheduleDataset([]),
            callbacks=[EarlyStoppingCallback(early_stopping_patience=recipe.optim.patience)],
        )

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | None = None,
    ) -> Any:
        with self._precision():
            loss = self._task.loss(model, inputs)
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
        with torch.no_grad(), self._precision():
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

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        folder = Path(output_dir or self.args.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        save_file(trainable(self.model), folder / "model.safetensors", {"format": "pt"})

    def _issue_warnings_after_load(self, load_result: Any) -> None:
        # Checkpoints hold only what was trained: that the rest is missing is no news.
        pass

    def _precision(self) -> AbstractContextManager[None]:
        return forward_precision(self._task.recipe.optim, self.args.device)


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
    recipe: Recipe, metric: str, folder: Path, report_to: str, *, smaller_is_better: bool = False
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
        eval_strategy="steps",
        eval_steps=optim.evaluate_every,
        save_strategy="steps",
        save_steps=optim.evaluate_every,
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model=metric,
        greater_is_better=not smaller_is_better,
        logging_steps=min(20, optim.evaluate_every),
        report_to=report_to,
        remove_unused_columns=False,
        dataloader_num_workers=0,
        use_cpu=not torch.cuda.is_available(),
        label_names=[],
    )


def learning_curve(history: Sequence[Mapping[str, Any]]) -> list[dict[str, float]]:
    """The evaluations in a Trainer's log, one row each: step and figures."""
    return [
        {key.removeprefix("eval_"): value for key, value in row.items() if key != "epoch"}
        for row in history
        if any(key.startswith("eval_") for key in row)
    ]
