"""Writing safetensors one tensor at a time, for models too large for memory."""

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
class LazyTensor:
    """A tensor that is computed only when it is written."""

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
    tensors: Iterable[LazyTensor],
    watch: Callable[[list[LazyTensor]], Iterable[LazyTensor]] = iter,
) -> None:
    """Write the file atomically; ``watch`` may show progress.

    Layout: length of the header (8 bytes), JSON header, then the tensors without gaps. Wide types
    come first, so that each tensor begins at a multiple of its item size.

    Raises:
        ValueError: a tensor whose shape or type is not the declared one.
    """
    ordered = sorted(tensors, key=lambda tensor: -tensor.dtype.itemsize)
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for tensor in ordered:
        header[tensor.name] = {
            "dtype": NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [end, end + tensor.size],
        }
        end += tensor.size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    work = path.with_name(path.name + ".partial")
    try:
        with work.open("wb") as file:
            file.write(len(text).to_bytes(8, "little"))
            file.write(text)
            for tensor in watch(ordered):
                values = tensor.make()
                if values.shape != tensor.shape or values.dtype != tensor.dtype:
                    raise ValueError(f"{tensor.name} is {tuple(values.shape)} of {values.dtype}")
                # Bytes, since NumPy has no bfloat16.
                file.write(values.contiguous().reshape(-1).view(torch.uint8).numpy().data)
        os.replace(work, path)
    finally:
        work.unlink(missing_ok=True)
