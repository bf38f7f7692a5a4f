from __future__ import annotations

import errno
import os
from datetime import datetime
from pathlib import Path

import pytest

from odqa.cli import results
from odqa.cli.results import file_name, keep, run_folder
from odqa.comparison.result import Comparison
from odqa.errors import RunError
from odqa.report import write
from odqa.testing.synthetic import synthetic_comparison


class OneSecond(datetime):
    """A clock that stands still."""

    @classmethod
    def now(cls, tz: object = None) -> OneSecond:
        return cls(2026, 1, 2, 3, 4, 5)


@pytest.fixture(autouse=True)
def _same_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "datetime", OneSecond)
    monkeypatch.setattr(write, "figure_files", lambda comparison: {"a.svg": b"<svg/>"})


NAME = "set-20260102-030405"


def test_runs_of_one_second_have_folders_of_their_own(tmp_path: Path) -> None:
    comparison = synthetic_comparison(2, 2)
    with run_folder(tmp_path, "set") as first, run_folder(tmp_path, "set") as second:
        assert keep(comparison, second) == tmp_path / f"{NAME}-2"
        # Somebody else took the name meanwhile.
        (tmp_path / NAME).mkdir()
        (tmp_path / NAME / "file").write_text("theirs")
        assert keep(comparison, first) == tmp_path / f"{NAME}-3"
    assert sorted(path.name for path in tmp_path.iterdir()) == [NAME, f"{NAME}-2", f"{NAME}-3"]
    folder = tmp_path / f"{NAME}-2"
    assert Comparison.load(folder) == comparison
    assert (folder / "report.html").is_file() and (folder / "figures" / "a.svg").is_file()


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, RunError])
def test_work_that_ends_early_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), run_folder(tmp_path, "set"):
        assert len(list(tmp_path.iterdir())) == 2  # draft and lock
        raise error("stopped")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_at_the_end_names_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", failing)
    with (
        pytest.raises(RunError, match=rf"{NAME}: cannot be written \(No space left on device\)"),
        run_folder(tmp_path, "set") as draft,
    ):
        keep(synthetic_comparison(2, 2), draft)
    assert list(tmp_path.iterdir()) == []


def test_an_out_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="is not a folder; choose another --out"):
        run_folder(tmp_path / "file", "set").__enter__()
    with pytest.raises(RunError, match="cannot be made"):
        run_folder(tmp_path / "file" / "runs", "set").__enter__()


def test_any_name_is_a_part_of_the_name_of_a_file() -> None:
    assert file_name("../../a b\n\x1b[2J") == "..-..-a-b---2J"
    assert file_name("süß") == "süß"
    assert len(file_name("x" * 1000)) == 50
