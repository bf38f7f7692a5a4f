from __future__ import annotations

from pathlib import Path

import pytest
import torch

from odqa import devices
from odqa.devices import compute_dtype, device_name, fast_bfloat16, pick_device
from odqa.errors import EnvironmentProblem
from odqa.interfaces import ModelConfig


def test_cpu_is_fp32() -> None:
    device = pick_device("cpu")
    assert (device.type, device_name(device)) == ("cpu", "cpu")
    assert compute_dtype(device) is torch.float32


def test_auto_takes_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device("auto").type == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert pick_device("auto").type == "cuda"


def test_one_gpu_of_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert pick_device("cuda:1") == torch.device("cuda", 1)
    assert pick_device("cuda:0") == torch.device("cuda", 0)
    with pytest.raises(
        EnvironmentProblem, match=r"cuda:7: torch sees 2 GPUs; use cuda:0 to cuda:1"
    ):
        pick_device("cuda:7")


def test_apple_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(EnvironmentProblem, match="device: mps: torch sees no Apple GPU"):
        pick_device("mps")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick_device("mps").type == "mps"
    assert compute_dtype(torch.device("mps")) is torch.float32


@pytest.mark.parametrize(
    "name", ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "cpu:0", "mps:1", "CUDA", "cuda:1:2", "xpu"]
)
def test_nonsense_is_one_line(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(EnvironmentProblem, match="^" + f"device: {name}".rstrip() + ": "):
        pick_device(name)
    with pytest.raises(ValueError, match="device"):
        ModelConfig(device=name)


def test_gpu_is_bf16() -> None:
    assert compute_dtype(torch.device("cuda")) is torch.bfloat16


def test_missing_gpu_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(EnvironmentProblem, match="no GPU; use device: auto"):
        pick_device("cuda")


@pytest.mark.parametrize(
    ("instructions", "fast"),
    [
        ({"avx2": True, "avx512_bf16": False, "amx_bf16": False, "l2_cache_size": 524288}, False),
        ({"avx2": True, "avx512_bf16": True, "amx_bf16": False}, True),
        ({"avx512_bf16": False, "amx_bf16": True}, True),
        ({"neon": True, "bf16": True}, True),
        ({"neon": True, "bf16": False, "sve_bf16": False}, False),
    ],
)
def test_bfloat16_is_fast_where_the_cpu_has_instructions(
    monkeypatch: pytest.MonkeyPatch, instructions: dict[str, object], fast: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: instructions, raising=False)
    monkeypatch.setattr(devices, "_onednn_takes_bfloat16", lambda: True)
    assert fast_bfloat16(torch.device("cpu")) is fast


@pytest.mark.parametrize("takes", [True, False])
def test_bfloat16_is_fast_where_onednn_uses_the_instructions(
    monkeypatch: pytest.MonkeyPatch, takes: bool
) -> None:
    has = {"avx512_bf16": True}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: has, raising=False)
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: takes, raising=False)
    assert fast_bfloat16(torch.device("cpu")) is takes


def test_a_torch_that_cannot_tell_has_no_fast_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert fast_bfloat16(torch.device("cpu")) is False


def test_the_cpus_own_flags_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    # The flags do not depend on how oneDNN is configured.
    monkeypatch.setattr(devices, "_onednn_takes_bfloat16", lambda: True)
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists() or not hasattr(torch.cpu, "get_capabilities"):
        pytest.skip("no /proc/cpuinfo here, or a torch that names no instructions")
    flags = set(cpuinfo.read_text(encoding="utf-8").split())
    assert fast_bfloat16(torch.device("cpu")) is bool(flags & {"avx512_bf16", "amx_bf16", "bf16"})


def test_emulated_bf16_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True}, raising=False)
    devices._warn_of_emulation.cache_clear()
    assert compute_dtype(torch.device("cpu"), "bfloat16") is torch.bfloat16
    assert "emulated on this cpu" in caplog.text
