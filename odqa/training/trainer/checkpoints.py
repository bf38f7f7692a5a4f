"""Checkpoints of a training on disk: each is whole, or recognised as damaged and removed.

A checkpoint is written into a draft folder and flushed to the disk; `MANIFEST` with the size and
SHA-256 of every file comes last, and then the folder is renamed to ``checkpoint-STEP``.
Checkpoints of odqa 0.1.0 have no manifest: they are whole if all their files can be read.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from odqa.cache.kept import note_kept
from odqa.drafts import flush
from odqa.errors import RunError
from odqa.training.trainer.drafts import unwritable

_LOG = logging.getLogger(__name__)

MANIFEST = "manifest.json"
STATE = "trainer_state.json"
#: Holds the checkpoint that is being written; what a killed training left there is removed.
DRAFT = "draft"
_NAME = re.compile(r"checkpoint-([0-9]+)")
_TENSORS = ("optimizer.pt", "scheduler.pt", "rng_state.pth")
_WEIGHTS = "model.safetensors"


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """The checkpoints in ``folder`` of a training by the recipe with this SHA-256."""

    folder: Path
    recipe: str

    def path(self, step: int) -> Path:
        """Where the checkpoint of a step lies."""
        return self.folder / f"checkpoint-{step}"

    def steps(self) -> list[int]:
        """Steps of all checkpoints, whole or not, the latest first."""
        names = [path.name for path in self.folder.iterdir()] if self.folder.is_dir() else []
        return sorted((int(m[1]) for name in names if (m := _NAME.fullmatch(name))), reverse=True)

    def latest(self, *, recipe_is_known: bool = True) -> Path | None:
        """The latest checkpoint that is whole, and whose best one is; `None` without any.

        Drafts and damaged checkpoints are removed, with a line in the log for each of the latter.

        Args:
            recipe_is_known: that the checkpoints were made by this recipe. Otherwise each has to
                say so.

        Raises:
            RunError: a checkpoint was made by another recipe, or does not say by which.
        """
        shutil.rmtree(self.folder / DRAFT, ignore_errors=True)
        steps = self.steps()
        whole = [step for step in steps if self._is_whole(step, recipe_is_known)]
        for step in whole:
            best = read_state(self.path(step)).get("best_global_step")
            if best is None or best in whole:
                return self.path(step)
            self._remove(step, f"checkpoint-{best}, the best until then, is missing or damaged")
        return None

    @contextmanager
    def saving(self, step: int) -> Iterator[Path]:
        """A draft folder for one checkpoint, which is renamed into its place at the end.

        Raises:
            RunError: it cannot be written.
        """
        draft = self.folder / DRAFT
        try:
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(parents=True)
            yield draft
            written = draft / self.path(step).name
            _write_manifest(written, self.recipe)
            shutil.rmtree(self.path(step), ignore_errors=True)
            written.rename(self.path(step))
            draft.rmdir()
            flush(self.folder)
            note_kept(self.path(step))
        # safetensors and torch raise kinds of their own for a full disk.
        except Exception as error:
            shutil.rmtree(draft, ignore_errors=True)
            raise unwritable(error, self.path(step)) from error

    def keep(self, steps: set[int]) -> None:
        """Remove all other checkpoints, the oldest first."""
        for step in reversed(self.steps()):
            if step not in steps:
                self._delete(step)

    def _is_whole(self, step: int, recipe_is_known: bool) -> bool:
        path = self.path(step)
        recipe = None
        try:
            if (path / MANIFEST).is_file():
                recipe = _verify(path)
            else:
                _read(path)
        # Damaged files make json, torch and safetensors raise errors of many types.
        except Exception as error:
            self._remove(step, str(error).split("\n")[0] or type(error).__name__)
            return False
        if recipe != self.recipe and not (recipe is None and recipe_is_known):
            what = "is of another recipe" if recipe else "does not say of which recipe it is"
            raise RunError(what, where=str(path), cure="name another folder with --out")
        return True

    def _remove(self, step: int, reason: str) -> None:
        _LOG.warning("%s is removed: %s", self.path(step), reason)
        self._delete(step)

    def _delete(self, step: int) -> None:
        # Renamed first: a kill while its files are deleted leaves a draft, not half a checkpoint.
        draft = self.folder / DRAFT
        shutil.rmtree(draft, ignore_errors=True)
        self.path(step).rename(draft)
        shutil.rmtree(draft, ignore_errors=True)


def read_state(checkpoint: Path) -> dict[str, Any]:
    """The state of the Trainer of transformers: ``global_step``, ``log_history`` and others."""
    state: dict[str, Any] = json.loads((checkpoint / STATE).read_text(encoding="utf-8"))
    return state


def _write_manifest(folder: Path, recipe: str) -> None:
    files = {}
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        flush(file)
        name = file.relative_to(folder).as_posix()
        files[name] = {"bytes": file.stat().st_size, "sha256": _sha256(file)}
    manifest = folder / MANIFEST
    manifest.write_text(json.dumps({"recipe": recipe, "files": files}, indent=1), encoding="utf-8")
    flush(manifest)
    flush(folder)


def _verify(folder: Path) -> str:
    """The recipe in the manifest, once every file agrees with it."""
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    for name, entry in manifest["files"].items():
        file = folder / name
        if file.stat().st_size != entry["bytes"] or _sha256(file) != entry["sha256"]:
            raise ValueError(f"{name} is damaged")
    return str(manifest["recipe"])


def _read(folder: Path) -> None:
    """Read every file of a checkpoint without a manifest."""
    import torch
    from safetensors import safe_open
    from transformers.trainer import safe_globals

    with safe_open(folder / _WEIGHTS, framework="pt") as weights:
        for name in weights.keys():  # noqa: SIM118
            weights.get_tensor(name)
    with safe_globals():
        for name in _TENSORS:
            torch.load(folder / name, map_location="cpu", weights_only=True)
    read_state(folder)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
