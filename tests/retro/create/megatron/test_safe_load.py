"""Nothing that a file pickles is ever run."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import types
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
import torch

from odqa.errors import CheckpointError
from odqa.retro.create.megatron.safe_load import Inert, load_checkpoint


class Run:
    """Pickled, this calls a function with arguments when it is loaded."""

    def __init__(self, function: Any, *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Any, tuple[object, ...]]:
        return self.call


def touch(path: str) -> None:
    Path(path).touch()


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (os.system, "posix.system"),
        (eval, "builtins.eval"),
        (exec, "builtins.exec"),
        (os.mkdir, "posix.mkdir"),
    ],
)
def test_calls_are_refused(function: Any, name: str, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    arguments = {
        os.system: f"touch {trace}",
        eval: f"open({str(trace)!r}, 'w')",
        exec: f"open({str(trace)!r}, 'w')",
        os.mkdir: str(trace),
    }
    argument = arguments.get(function, "x")
    torch.save({"args": Namespace(x=Run(function, argument))}, tmp_path / "evil.pt")
    with pytest.raises(CheckpointError, match=f"names '{name}'.*nothing was run") as error:
        load_checkpoint(tmp_path / "evil.pt")
    assert "\n" not in str(error.value)
    assert not trace.exists()


def test_getattr_is_named_by_enums_and_never_called(tmp_path: Path) -> None:
    torch.save({"args": Namespace(x=Run(getattr, "x", "upper"))}, tmp_path / "rank.pt")
    assert isinstance(load_checkpoint(tmp_path / "rank.pt")["args"].x, Inert)


def test_the_attack_works_where_it_is_not_refused(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    torch.save({"args": Run(os.mkdir, str(trace))}, tmp_path / "evil.pt")
    torch.load(tmp_path / "evil.pt", weights_only=False)
    assert trace.exists()


def test_a_bare_pickle_is_refused(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    (tmp_path / "evil.pt").write_bytes(pickle.dumps(Run(os.mkdir, str(trace))))
    with pytest.raises(CheckpointError, match=r"not a checkpoint of torch 1\.6"):
        load_checkpoint(tmp_path / "evil.pt")
    assert not trace.exists()


def test_a_module_that_poses_as_megatron_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = tmp_path / "trace"
    package = types.ModuleType("megatron")
    module = types.ModuleType("megatron.posing")
    vars(module)["touch"] = touch
    monkeypatch.setitem(sys.modules, "megatron", package)
    monkeypatch.setitem(sys.modules, "megatron.posing", module)
    monkeypatch.setattr(touch, "__module__", "megatron.posing")
    torch.save({"x": Run(touch, str(trace))}, tmp_path / "posing.pt")
    assert isinstance(load_checkpoint(tmp_path / "posing.pt")["x"], Inert)
    assert not trace.exists()


# Run by an interpreter of its own, as Megatron is. ModelType is as megatron.core.enums has it.
SAVING = """
import random, signal, sys, types
from argparse import Namespace
from enum import Enum
from pathlib import Path

import numpy as np
import torch

core = types.ModuleType("megatron.core.enums")
sys.modules |= {"megatron": core, "megatron.core": core, "megatron.core.enums": core}
core.ModelType = Enum("ModelType", {"retro_decoder": 3}, module="megatron.core.enums")
args = Namespace(
    model_type=core.ModelType.retro_decoder,
    params_dtype=torch.bfloat16,
    exit_signal=signal.SIGTERM,
    load=Path(sys.argv[1]),
    num_layers=9,
    betas=(0.9, 0.95),
    names=["a", None, True],
)
rng = {"numpy": np.random.RandomState(0).get_state(), "python": random.Random(0).getstate()}
torch.save({"args": args, "rng_state": [rng], "w": torch.arange(6.0).bfloat16()}, sys.argv[1])
"""


def test_what_megatron_saves_is_read(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", SAVING, str(tmp_path / "rank.pt")], check=True)
    saved = load_checkpoint(tmp_path / "rank.pt")
    assert torch.equal(saved["w"], torch.arange(6.0).bfloat16())
    args = saved["args"]
    assert isinstance(args, Namespace)
    assert (args.num_layers, args.betas, args.params_dtype) == (9, (0.9, 0.95), torch.bfloat16)
    assert args.names == ["a", None, True]
    assert isinstance(args.model_type, Inert)


def test_stand_ins_are_forgotten(tmp_path: Path) -> None:
    torch.save({"args": Namespace(x=1)}, tmp_path / "rank.pt")
    # Torch keeps them in a set, so their order is any.
    before = set(torch.serialization.get_safe_globals())
    load_checkpoint(tmp_path / "rank.pt")
    assert set(torch.serialization.get_safe_globals()) == before


def test_damaged_and_missing_files(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such file"):
        load_checkpoint(tmp_path / "none.pt")
    torch.save(torch.ones(3), tmp_path / "tensor.pt")
    with pytest.raises(CheckpointError, match="does not hold a dictionary"):
        load_checkpoint(tmp_path / "tensor.pt")
    torch.save({"w": torch.ones(3000)}, tmp_path / "whole.pt")
    data = (tmp_path / "whole.pt").read_bytes()
    (tmp_path / "cut.pt").write_bytes(data[: len(data) // 2])
    with pytest.raises(CheckpointError):
        load_checkpoint(tmp_path / "cut.pt")
