"""Reading a checkpoint file of torch without running any code pickled in it.

Torch's own restricted unpickler rebuilds tensors and plain containers and nothing else. Megatron
also pickles its command line and a few enums: the command line is read as a plain namespace, and
enums become objects that do nothing. A file with any other global is refused before it is loaded.
"""

from __future__ import annotations

import argparse
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import torch

from odqa.errors import CheckpointError

NAMESPACES = ("argparse.Namespace", "types.SimpleNamespace")
INERT_MODULES = ("megatron.", "signal.", "pathlib.")
INERT_NAMES = (
    "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    "numpy.ndarray",
    "numpy.dtype",
    "builtins.getattr",
)
"""States of random generators, and how some versions of Python pickle a member of an enum; neither
is used. These globals are never imported: `Inert` is called instead."""


class Inert:
    """Placeholder for an object that is not needed: accepts any arguments, does nothing."""

    def __new__(cls, *_: object) -> Self:
        return super().__new__(cls)

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, _: object) -> None:
        pass


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The saved dictionary; its tensors are memory-mapped and read when they are used.

    Raises:
        CheckpointError: the file is missing, damaged, not a dictionary, or names anything beyond
            tensors, containers, numbers, strings and what Megatron itself puts there.
    """
    where = str(path)
    if not path.is_file():
        raise CheckpointError("no such file", where=where)
    if not zipfile.is_zipfile(path):
        raise CheckpointError("not a checkpoint of torch 1.6 or later", where=where)
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(where)
        allowed: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
            (stand_in(name, where), name) for name in sorted(names)
        ]
        with torch.serialization.safe_globals(allowed):
            saved = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except (pickle.UnpicklingError, ValueError, EOFError, RuntimeError, LookupError) as error:
        raise CheckpointError(f"cannot be read safely ({error})", where=where) from None
    if not isinstance(saved, dict):
        raise CheckpointError("does not hold a dictionary", where=where)
    return saved


def stand_in(name: str, where: str) -> type:
    """The class that replaces a global of the file; CheckpointError for one that is not allowed."""
    if name in NAMESPACES:
        return argparse.Namespace
    if name in INERT_NAMES or name.startswith(INERT_MODULES):
        return Inert
    raise CheckpointError(
        f"names {name!r}, which a checkpoint has no need of; nothing was run",
        where=where,
        cure="take the file from its publisher",
    )
