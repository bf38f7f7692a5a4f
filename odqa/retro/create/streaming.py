"""Writing safetensors one tensor at a time, for models that memory should not hold whole."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
}
ALIGNMENT = 8


@dataclass(frozen=True)
class Promise:
    """A tensor that is made when its turn to be written comes."""

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype
    make: Callable[[], Tensor]

    @property
    def size(self) -> int:
        """Bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


def write_safetensors(
    path: Path,
    promises: Iterable[Promise],
    watch: Callable[[list[Promise]], Iterable[Promise]] = iter,
) -> None:
    """Write the file, which appears whole or not at all; ``watch`` may show progress.

    Layout: length of the header (8 bytes), JSON header, then the tensors without gaps. Wide types
    come first, so that each tensor begins at a multiple of its item size.

    Raises:
        ValueError: a tensor made otherwise than promised.
    """
    ordered = sorted(promises, key=lambda promise: -promise.dtype.itemsize)
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for promise in ordered:
        header[promise.name] = {
            "dtype": NAMES[promise.dtype],
            "shape": list(promise.shape),
            "data_offsets": [end, end + promise.size],
        }
        end += promise.size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    work = path.with_name(path.name + ".partial")
    try:
        with work.open("wb") as file:
            file.write(len(text).to_bytes(8, "little"))
            file.write(text)
            for promise in watch(ordered):
                made = promise.make()
                if made.shape != promise.shape or made.dtype != promise.dtype:
                    raise ValueError(f"{promise.name} is {tuple(made.shape)} of {made.dtype}")
                # Bytes, since NumPy has no bfloat16.
                file.write(made.contiguous().reshape(-1).view(torch.uint8).numpy().data)
        os.replace(work, path)
    finally:
        work.unlink(missing_ok=True)
