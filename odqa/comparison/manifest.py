"""The manifest of a run: code, environment, machine, data, specs, settings as plain values."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import odqa
from odqa.cache import content_key
from odqa.data.dataset import Dataset
from odqa.escapes import mask_passwords, visible
from odqa.meters.energy import counter_names
from odqa.metrics.statistics.resampling import DRAWS, LEVEL, SEED
from odqa.spec.factors import Grid
from odqa.spec.pipeline import PipelineSpec


def make_manifest(
    specs: Sequence[PipelineSpec],
    dataset: Dataset,
    *,
    code: str,
    started: str,
    seconds: float,
    stages: Mapping[str, int],
    settings: Mapping[str, object],
    sources: Mapping[str, Mapping[str, str]] | None = None,
    grid: Grid | None = None,
) -> dict[str, Any]:
    """The manifest of a comparison that took ``seconds`` from ``started`` (ISO 8601, UTC).

    ``stages`` are the counts of all stages of all pipelines and of those that ran.
    ``sources`` are the content hashes, and commits, of the files that specs name.
    ``code`` is the `code_revision` when it started: a checkout may change during a long run.
    """
    return {
        "odqa": odqa.__version__,
        "started": started,
        "seconds": round(seconds, 3),
        "dataset": describe_data(dataset),
        "specs": {spec.name: spec.hash for spec in specs},
        "settings": dict(settings),
        "sources": dict(sources or {}),
        **({} if grid is None else {"grid": grid.to_dict()}),
        "stages": stages,
        "statistics": {"seed": SEED, "draws": DRAWS, "level": LEVEL},
        "versions": dict(installed()),
        "python": platform.python_version(),
        "machine": machine(),
        "code": code,
        "command": {
            # Arguments and folders may be no Unicode, which no file of text holds.
            "words": [visible(mask_passwords(arg)) for arg in sys.argv],
            "folder": visible(str(Path.cwd())),
        },
    }


def describe_data(dataset: Dataset) -> dict[str, Any]:
    """Digests and sizes of a dataset, and where it came from (`None`: made in Python)."""
    return {
        "name": dataset.name,
        "digest": dataset.digest,
        "corpus": dataset.corpus.fingerprint,
        "question_set": dataset.questions.fingerprint,
        "qrels": content_key({"qrels": dataset.qrels}) if dataset.qrels is not None else None,
        "passages": len(dataset.corpus),
        "questions": len(dataset.questions),
        **({"sets": dict(dataset.questions.sets)} if dataset.questions.sets else {}),
        "matching": dataset.matching,
        "ignore_identical_ids": dataset.ignore_identical_ids,
        **({"named": [dict(each) for each in dataset.named]} if dataset.named else {}),
        "origin": dataset.origin.to_dict() if dataset.origin is not None else None,
    }


@cache
def installed() -> dict[str, str]:
    """Every installed package and its version, as a lock file lists them."""
    # A package that was removed incompletely has metadata without a name.
    packages = (
        package
        for package in (distribution.metadata for distribution in distributions())
        if package["Name"]
    )
    return dict(sorted((package["Name"].lower(), package["Version"]) for package in packages))


def machine() -> dict[str, Any]:
    """Processor, cores, threads, GPU and energy counters."""
    # A run that computed with torch has imported it; others should not import it here.
    torch = sys.modules.get("torch")
    gpu = torch is not None and torch.cuda.is_available()
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": int(torch.get_num_threads()) if torch else None,
        "gpu": torch.cuda.get_device_name() if torch and gpu else None,
        "energy_counters": counter_names() or None,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor())


def code_revision() -> str:
    """The commit of a checkout, with ``+`` for local changes; empty in an installed package."""
    root = Path(odqa.__file__).parent.parent
    if not (root / ".git").exists():
        return ""
    try:
        args = ["git", "-C", str(root), "describe", "--always", "--dirty=+", "--abbrev=12"]
        return subprocess.run(args, capture_output=True, text=True, timeout=10).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""
