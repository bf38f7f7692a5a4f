from __future__ import annotations

import pytest
import torch

from odqa import devices
from odqa.devices import compute_dtype, device_name, fast_bfloat16, pick_device
from odqa.errors import EnvironmentProblem


def test_cpu_is_fp32() -> None:
    device = pick_device("cpu")
    assert (device.type, device_name(device)) == ("cpu", "cpu")
    assert compute_dtype(device) is torch.float32


def test_auto_takes_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device("auto").type == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert pick_device("auto").type == "cuda"


def test_gpu_is_bf16() -> None:
    assert compute_dtype(torch.device("cuda")) is torch.bfloat16


def test_missing_gpu_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(EnvironmentProblem, match="no GPU; use device: auto"):
        pick_device("cuda")


@pytest.mark.parametrize(
    ("instructions", "fast"), [({"avx2": True}, False), ({"bf16": True}, True)]
)
def test_bf16_is_fast_where_the_processor_has_it(
    instructions: dict[str, bool], fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: instructions)
    assert fast_bfloat16(torch.device("cpu")) is fast


def test_emulated_bf16_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})
    devices._warn_of_emulation.cache_clear()
    assert compute_dtype(torch.device("cpu"), "bfloat16") is torch.bfloat16
    assert "emulated on this cpu" in caplog.text
