from __future__ import annotations

import os
from pathlib import Path

import pytest

from odqa.data.whole_file import whole_file
from odqa.errors import DataError
from odqa.testing.kills import killed_at


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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_kill_leaves_no_part_and_what_it_left_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "a"

    def write() -> None:
        with whole_file(path) as file:
            file.write("half")
            file.flush()
            (tmp_path / "b").touch()

    assert killed_at(2, tmp_path, write)
    (draft,) = tmp_path.iterdir()
    assert draft.name.startswith(".a.") and draft.read_text() == "half"
    with whole_file(path) as file:
        file.write("whole")
    assert path.read_text() == "whole" and list(tmp_path.iterdir()) == [path]
