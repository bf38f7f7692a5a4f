"""``odqa doctor``: whether this machine can run everything, with the cure for what cannot."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import typer

from odqa.cli.options import CacheFolder
from odqa.cli.output import echo

#: With less, encoding a corpus of Wikipedia's size fills the disk.
_LOW_DISK_GB = 5.0


@dataclass(frozen=True, slots=True)
class Check:
    """One line: the name of the check, the state, and the cure if it is bad."""

    name: str
    state: str
    good: bool = True
    cure: str = ""


def doctor(cache: CacheFolder = None) -> None:
    """Check Java, torch, FAISS, MLflow, models and disk. Exit code 2 when something is broken."""
    from odqa.cache import Cache

    bad = 0
    for check in _checks(Cache(cache).root):
        mark = "ok " if check.good else "BAD"
        echo(f"{mark} {check.name}: {check.state}")
        if not check.good:
            bad += 1
            echo(f"    cure: {check.cure}")
    if bad:
        raise typer.Exit(2)


def _checks(cache_root: Path) -> Iterator[Check]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Check("python", version, sys.version_info >= (3, 11), "use Python 3.11 or newer")
    for make_check in (_torch, _faiss, _java, _base_model, _mlflow, _meters):
        yield _guarded(make_check)
    yield _disk(cache_root)


def _guarded(make_check: Callable[[], Check]) -> Check:
    """A check that raises, such as of a package that cannot be imported, is bad; it is no crash."""
    try:
        return make_check()
    except Exception as error:
        name = make_check.__name__.strip("_").replace("_", " ")
        return Check(name, f"{type(error).__name__}: {error}", False, "reinstall: make setup")


def _torch() -> Check:
    import torch

    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "no GPU"
    threads = torch.get_num_threads()
    state = f"{torch.__version__}, {threads} threads of {os.cpu_count()} cores, {gpu}"
    return Check("torch", state)


def _faiss() -> Check:
    import faiss

    return Check("faiss", f"{faiss.__version__}, {faiss.omp_get_max_threads()} threads")


def _java() -> Check:
    from odqa.indexes.lucene import java_status

    status = java_status()
    return Check("java", status.state, status.usable, status.cure)


def _base_model() -> Check:
    from odqa.checkpoints.base_model import base_model_dir

    base_model_dir()
    return Check("embedded models", "base model all-MiniLM-L6-v2 is there, checksum right")


def _mlflow() -> Check:
    from importlib.metadata import version

    from odqa.escapes import mask_passwords

    uri = os.environ.get("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
    state = f"{version('mlflow')}, store {mask_passwords(uri)}"
    writable = not uri.startswith("sqlite:///") or os.access(Path.cwd(), os.W_OK)
    return Check("mlflow", state, writable, "run in a folder that can be written, or pass --mlflow")


def _meters() -> Check:
    from odqa.comparison.costs import NOT_REPORTED
    from odqa.meters.energy import counter_names
    from odqa.meters.memory import take_peak

    memory = NOT_REPORTED if take_peak() is None else "resident set at most"
    return Check("meters", f"energy: {counter_names() or NOT_REPORTED}; memory: {memory}")


def _disk(cache_root: Path) -> Check:
    place = next(p for p in (cache_root, *cache_root.parents) if p.exists())
    free = shutil.disk_usage(place).free / 1e9
    state = f"{cache_root}, {free:.1f} GB free"
    if not os.access(place, os.W_OK):
        return Check(
            "cache", f"{cache_root} cannot be written", False, "pass --cache or ODQA_CACHE"
        )
    return Check("cache", state, free >= _LOW_DISK_GB, "free some disk or move it with ODQA_CACHE")
