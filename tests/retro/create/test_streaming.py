"""Safetensors written piece by piece are those the library reads."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from odqa.retro.create.streaming import LazyTensor, write_safetensors


def lazy(name: str, tensor: Tensor) -> LazyTensor:
    return LazyTensor(name, tuple(tensor.shape), tensor.dtype, lambda: tensor)


def test_the_library_reads_what_was_streamed(tmp_path: Path) -> None:
    tensors = {
        "half": torch.arange(3.0).bfloat16(),
        "turned": torch.arange(6.0).reshape(2, 3).t(),
        "scalar": torch.tensor(2.5),
        "double": torch.arange(2.0, dtype=torch.float64),
        "short": torch.arange(5.0).half(),
    }
    path = tmp_path / "model.safetensors"
    write_safetensors(path, [lazy(name, tensor) for name, tensor in tensors.items()])
    loaded = load_file(str(path))
    assert loaded.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert torch.equal(loaded[name], tensor)
        assert loaded[name].dtype == tensor.dtype
    with safe_open(str(path), "pt") as file:
        assert file.metadata() == {"format": "pt"}


def test_tensors_are_made_one_at_a_time(tmp_path: Path) -> None:
    computed: list[str] = []

    def make(name: str) -> Tensor:
        computed.append(name)
        return torch.zeros(1)

    tensors = [LazyTensor(name, (1,), torch.float32, lambda n=name: make(n)) for name in "ab"]
    names = []

    def watch(ordered: list[LazyTensor]) -> list[LazyTensor]:
        assert not computed
        names.extend(p.name for p in ordered)
        return ordered

    write_safetensors(tmp_path / "x", tensors, watch)
    assert computed == names == ["a", "b"]


def test_a_tensor_of_another_shape_leaves_no_file(tmp_path: Path) -> None:
    wrong = LazyTensor("a", (2,), torch.float32, lambda: torch.zeros(3))
    with pytest.raises(ValueError, match=r"a is \(3,\) of torch.float32"):
        write_safetensors(tmp_path / "x", [wrong])
    assert not list(tmp_path.iterdir())
