from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from odqa.meters.energy import RaplZone, rapl_zones
from odqa.meters.nvml import open_gpus


def zone(root: Path, number: str, name: str, microjoules: int, limit: int = 1_000_000) -> Path:
    folder = root / f"intel-rapl:{number}"
    folder.mkdir()
    (folder / "name").write_text(f"{name}\n")
    (folder / "energy_uj").write_text(f"{microjoules}\n")
    (folder / "max_energy_range_uj").write_text(f"{limit}\n")
    return folder


def test_a_register_that_goes_round_is_followed(tmp_path: Path) -> None:
    folder = zone(tmp_path, "0", "package-0", 900_000)
    counter = RaplZone(folder)
    assert counter.joules() == 0
    # To 0.95 J, then over the range of 1 J to 0.05 J: 0.05 J and 0.1 J more.
    (folder / "energy_uj").write_text("950000")
    assert counter.joules() == pytest.approx(0.05)
    (folder / "energy_uj").write_text("50000")
    assert counter.joules() == pytest.approx(0.15)


def test_no_joule_is_counted_twice(tmp_path: Path) -> None:
    zone(tmp_path, "0", "package-0", 0)
    zone(tmp_path, "0:0", "core", 0)
    zone(tmp_path, "0:1", "dram", 0)
    zone(tmp_path, "1", "psys", 0)
    assert [zone.name for zone in rapl_zones(tmp_path)] == ["RAPL package-0", "RAPL dram"]


def test_what_cannot_be_read_is_not_there(tmp_path: Path) -> None:
    folder = zone(tmp_path, "0", "package-0", 0)
    (folder / "energy_uj").unlink()
    assert rapl_zones(tmp_path) == []
    assert rapl_zones(tmp_path / "none") == []


class Library:
    """NVML's five functions over GPUs with so many millijoules; `None`: it reports no energy."""

    def __init__(self, *millijoules: int | None) -> None:
        self.millijoules = list(millijoules)

    def nvmlInit_v2(self) -> int:  # noqa: N802
        return 0

    def nvmlDeviceGetCount_v2(self, count: ctypes._Pointer) -> int:  # noqa: N802
        count._obj.value = len(self.millijoules)
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, index: int, handle: ctypes._Pointer) -> int:  # noqa: N802
        handle._obj.value = index + 1
        return 0

    def nvmlDeviceGetHandleByUUID(self, uuid: bytes, handle: ctypes._Pointer) -> int:  # noqa: N802
        handle._obj.value = 1
        return 0 if uuid == b"GPU-first" else 6

    def nvmlDeviceGetTotalEnergyConsumption(  # noqa: N802
        self, handle: ctypes.c_void_p, energy: ctypes._Pointer
    ) -> int:
        millijoules = self.millijoules[(handle.value or 0) - 1]
        energy._obj.value = millijoules or 0
        return 3 if millijoules is None else 0


def test_gpus_report_millijoules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    gpus = open_gpus(Library(2500, None, 40))
    assert {gpu.name: gpu.joules() for gpu in gpus} == {"NVML GPU 0": 2.5, "NVML GPU 2": 0.04}


@pytest.mark.parametrize(
    ("devices", "names"),
    [
        ("1", ["NVML GPU 1"]),
        ("", []),
        ("-1", []),
        ("GPU-first,GPU-other", ["NVML GPU GPU-first"]),
    ],
)
def test_only_gpus_this_process_may_use(
    monkeypatch: pytest.MonkeyPatch, devices: str, names: list[str]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", devices)
    assert [gpu.name for gpu in open_gpus(Library(1, 2))] == names
