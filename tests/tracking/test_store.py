"""SQLite stores: one line for each that cannot be used, and a new one that is whole at once."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from odqa.errors import EnvironmentProblem
from odqa.tracking.store import open_store, sqlite_file


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that two processes made at the same time."""
    folder = tmp_path_factory.mktemp("store")
    code = "import sys; from odqa.tracking.store import open_store; open_store(sys.argv[1])"
    command = [sys.executable, "-c", code, f"sqlite:///{folder}/m.db"]
    children = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(2)]
    assert [child.wait() for child in children] == [0, 0]
    assert [path.name for path in folder.iterdir()] == ["m.db"]
    return folder / "m.db"


@pytest.fixture
def store(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(whole, tmp_path / "m.db"))


def refusal(file: Path) -> str:
    with pytest.raises(EnvironmentProblem) as caught:
        open_store(f"sqlite:///{file}")
    return str(caught.value)


def change(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()


def test_a_store_that_is_whole_is_taken(store: Path) -> None:
    before = store.read_bytes()
    open_store(f"sqlite:///{store}")
    assert store.read_bytes() == before


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "m.db"
    file.write_text("Dear diary, " * 100)
    assert "m.db: is no SQLite database (file is not a database); name another" in refusal(file)
    file.unlink()
    change(file, "create table diary (day text)")
    assert "m.db: is the database of another program; name another file" in refusal(file)


def test_a_store_that_is_half_built_or_of_another_version_is_refused(store: Path) -> None:
    change(store, "update alembic_version set version_num = '451aebb31d03'")
    assert "half built when its creation was interrupted; remove it" in refusal(store)
    run = "insert into runs (run_uuid, name, experiment_id) values ('a', 'a', 0)"
    change(store, run)
    assert "its schema (451aebb31d03) is that of another version of MLflow" in refusal(store)
    assert f"mlflow db upgrade sqlite:///{store}" in refusal(store)


def test_a_locked_store_is_refused(store: Path) -> None:
    with closing(sqlite3.connect(store)) as database:
        database.execute("begin exclusive")
        assert refusal(store) == f"{store}: another process has locked it; try again later"


def test_a_place_that_cannot_be_written_is_refused(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = store.parent / "none" / "m.db"
    assert refusal(missing) == f"{missing}: its folder is missing; make {missing.parent}"
    # Root may write anywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert refusal(store) == f"{store}: cannot be written; name another store with --mlflow"


@pytest.mark.parametrize(
    ("uri", "file"),
    [
        ("sqlite:///mlflow.db", "mlflow.db"),
        ("sqlite:////tmp/m.db?timeout=3", "/tmp/m.db"),
        ("sqlite://", None),
        ("sqlite:///:memory:", None),
        ("http://127.0.0.1:5000", None),
    ],
)
def test_which_uris_name_a_file(uri: str, file: str | None) -> None:
    assert sqlite_file(uri) == (None if file is None else Path(file))
