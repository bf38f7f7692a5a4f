from __future__ import annotations

import mmap
from pathlib import Path

from odqa.meters.memory import take_peak

MEGABYTE = 2**20


def touch(size: int) -> None:
    """Fill ``size`` bytes of fresh pages and give them back to the kernel at once."""
    with mmap.mmap(-1, size) as pages:
        for start in range(0, size, mmap.PAGESIZE):
            pages[start] = 1


def test_a_peak_is_seen_once_after_it_is_over() -> None:
    take_peak()
    quiet = take_peak()
    assert quiet is not None
    touch(64 * MEGABYTE)
    peak, after = take_peak(), take_peak()
    assert peak is not None and after is not None
    assert peak - quiet > 56 * MEGABYTE
    assert peak - after > 56 * MEGABYTE


def test_the_mark_is_kilobytes_of_the_status_file(tmp_path: Path) -> None:
    status, mark = tmp_path / "status", tmp_path / "clear_refs"
    status.write_text("Name:\tx\nVmPeak:\t 900 kB\nVmHWM:\t     1234 kB\nVmRSS:\t  10 kB\n")
    mark.write_text("")
    assert take_peak(status, mark) == 1234 * 1024
    assert mark.read_text() == "5"


def test_a_machine_without_the_mark_reports_nothing(tmp_path: Path) -> None:
    assert take_peak(tmp_path / "status", tmp_path / "no" / "clear_refs") is None


def test_a_status_file_without_the_line_reports_nothing(tmp_path: Path) -> None:
    (tmp_path / "status").write_text("Name:\tx\n")
    (tmp_path / "clear_refs").write_text("")
    assert take_peak(tmp_path / "status", tmp_path / "clear_refs") is None
