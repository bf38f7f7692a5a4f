from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from odqa.data.whole_file import whole_file
from odqa.errors import DataError


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    with pytest.raises(RuntimeError), whole_file(path) as file:
        file.write("half of the new")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_it_appears_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with whole_file(path) as file:
        file.write("ü\n")
        assert not path.exists()
    assert path.read_bytes() == "ü\n".encode()


def test_unwritable_folder_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "absent" / "a"
    with pytest.raises(DataError) as caught, whole_file(path):
        pass
    assert str(caught.value) == f"{path}: cannot be written (No such file or directory)"


def test_a_draft_of_a_dead_process_goes_and_one_of_a_living_stays(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    dead, living = (tmp_path / f".a.txt.{pid}.tmp" for pid in (process.pid, os.getppid()))
    other = tmp_path / f".b.txt.{process.pid}.tmp"
    for path in (dead, living, other):
        path.write_text("half")
    with whole_file(tmp_path / "a.txt") as file:
        file.write("whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [living.name, other.name, "a.txt"]
    )
