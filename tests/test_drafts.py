"""Drafts of processes that are gone are removed, those of others are left alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from odqa.drafts import draft_of, remove


def test_drafts_of_dead_processes_are_removed(tmp_path: Path) -> None:
    path = tmp_path / "a[1]"
    own = draft_of(path)
    assert own.parent == tmp_path and own.name.startswith(".a[1].")
    own.write_text("this process lives")
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    dead = own.with_name(own.name.replace(str(os.getpid()), str(ended.pid)))
    dead_folder = own.with_name(own.name.replace(str(os.getpid()), "9" * 12))
    dead.write_text("")
    (dead_folder / "deeper").mkdir(parents=True)
    elsewhere = tmp_path / f".a[1].another-machine-{ended.pid}.tmp"
    elsewhere.write_text("")
    other = tmp_path / own.name.replace("a[1]", "a1").replace(str(os.getpid()), str(ended.pid))
    other.write_text("of another file")
    assert draft_of(path) == own
    assert set(tmp_path.iterdir()) == {own, elsewhere, other}


def test_removing_what_is_not_there_is_fine(tmp_path: Path) -> None:
    remove(tmp_path / "a")
    (tmp_path / "a" / "b").mkdir(parents=True)
    remove(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []
