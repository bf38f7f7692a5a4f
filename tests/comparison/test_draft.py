from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from odqa.comparison import draft as draft_module
from odqa.comparison.draft import closing, open_draft, remove_dead_drafts


def test_a_draft_is_renamed_when_it_is_whole(tmp_path: Path) -> None:
    out = tmp_path / "runs"
    draft = open_draft(out, "a")
    assert draft is not None
    with closing(draft):
        (draft.path / "file").write_text("x")
        assert not (out / "a").exists()
        assert draft.publish() == out / "a"
    assert [path.name for path in out.iterdir()] == ["a"]
    assert (out / "a" / "file").read_text() == "x"


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, SystemExit])
def test_a_draft_that_fails_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    draft = open_draft(tmp_path, "a")
    assert draft is not None
    (draft.path / "sub").mkdir()
    with pytest.raises(error), closing(draft):
        raise error
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_replaced_in_one_step(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "old").write_text("")
    draft = open_draft(tmp_path, "a")
    assert draft is not None
    with closing(draft):
        (draft.path / "new").write_text("")
        draft.publish()
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["new"]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_live_draft_is_left_alone(tmp_path: Path) -> None:
    draft = open_draft(tmp_path, "a")
    assert draft is not None
    with closing(draft):
        (draft.path / "file").write_text("x")
        assert open_draft(tmp_path, "a") is None
        remove_dead_drafts(tmp_path)
        assert (draft.path / "file").read_text() == "x"


def child(tmp_path: Path, stop: str) -> None:
    """A process that is killed with an open draft."""
    pid = os.fork()
    if pid == 0:
        draft = open_draft(tmp_path, "a")
        assert draft is not None
        (draft.path / "sub").mkdir()
        (draft.path / "sub" / "file").write_text("x")
        if stop == "replacing":
            (tmp_path / "a").rename(tmp_path / ".a.old")
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)


def test_a_dead_draft_is_removed_by_the_next_and_nothing_else_is(tmp_path: Path) -> None:
    others = [".b.draft", "c.draft", ".d.old"]
    for name in others:
        (tmp_path / name).mkdir()
    (tmp_path / "precious").write_text("x")
    # A link with the name of a lock file leads nowhere that may be removed or written.
    (tmp_path / ".e.draft.lock").symlink_to(tmp_path / "precious")
    (tmp_path / ".e.draft").symlink_to(tmp_path / "c.draft")
    child(tmp_path, "filling")
    assert (tmp_path / ".a.draft" / "sub" / "file").exists()
    before = {*others, "precious", ".e.draft.lock", ".e.draft"}
    draft = open_draft(tmp_path, "next")
    assert draft is not None
    draft.close()
    assert {path.name for path in tmp_path.iterdir()} == before
    assert (tmp_path / "precious").read_text() == "x"


def test_a_folder_whose_replacement_was_killed_is_brought_back(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "old").write_text("x")
    child(tmp_path, "replacing")
    assert not (tmp_path / "a").exists()
    remove_dead_drafts(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a" / "old").read_text() == "x"


def test_a_folder_of_that_name_without_a_lock_is_none_of_ours(tmp_path: Path) -> None:
    (tmp_path / ".a.draft").mkdir()
    (tmp_path / ".a.draft" / "file").write_text("x")
    assert open_draft(tmp_path, "a") is None
    assert (tmp_path / ".a.draft" / "file").read_text() == "x"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_draft_that_may_not_be_touched_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".theirs.draft.lock").write_text("")
    lock = draft_module._lock

    def refusing(parent: Path, name: str) -> object:
        if name == "theirs":
            raise PermissionError(13, "Permission denied")
        return lock(parent, name)

    monkeypatch.setattr(draft_module, "_lock", refusing)
    draft = open_draft(tmp_path, "a")
    assert draft is not None
    draft.close()
    assert [path.name for path in tmp_path.iterdir()] == [".theirs.draft.lock"]
