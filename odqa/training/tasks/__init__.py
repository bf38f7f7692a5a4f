"""One task per file: model, items, loss and the choice by held-out questions."""

from __future__ import annotations

from importlib import import_module

from odqa.training.tasks.base import Task

_TASKS = {
    "cross-encoder": "odqa.training.tasks.cross_encoder:CrossEncoderTask",
    "monot5": "odqa.training.tasks.monot5:MonoT5Task",
    "colbert": "odqa.training.tasks.colbert:ColbertTask",
    "reader": "odqa.training.tasks.reader:ReaderTask",
    "dpr-reader": "odqa.training.tasks.dpr_reader:DprReaderTask",
    "dpr": "odqa.training.tasks.dpr:DprTask",
    "sentence": "odqa.training.tasks.sentence:SentenceTask",
    "fid": "odqa.training.tasks.fid:FidTask",
    "lm": "odqa.training.tasks.lm:LmTask",
    "splade": "odqa.training.tasks.splade:SpladeTask",
    "retro-ranker": "odqa.training.tasks.retro_ranker:RetroRankerTask",
    "retro-lm": "odqa.training.tasks.retro_lm:RetroLmTask",
    "retro-reader": "odqa.training.tasks.retro_reader:RetroReaderTask",
    "knrm": "odqa.training.tasks.knrm:KnrmTask",
    "drmm": "odqa.training.tasks.drmm:DrmmTask",
    "dssm": "odqa.training.tasks.dssm:DssmTask",
    "snrm": "odqa.training.tasks.snrm:SnrmTask",
}


def task_class(name: str) -> type[Task]:
    """The class behind a recipe's ``task``."""
    module, attribute = _TASKS[name].split(":")
    task: type[Task] = getattr(import_module(module), attribute)
    return task


__all__ = ["Task", "task_class"]
