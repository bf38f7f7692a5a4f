"""SQLite stores of MLflow: made whole, and refused in one line when they cannot be used.

MLflow builds a new database in a hundred steps, in place: two processes that begin at once, or one
that is killed, leave a database that no version of MLflow opens again.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from odqa.drafts import draft_of, remove
from odqa.errors import EnvironmentProblem

_PREFIX = "sqlite:///"


def sqlite_file(uri: str) -> Path | None:
    """The file of a SQLite store; `None` for any other, and for one in memory."""
    path = uri.removeprefix(_PREFIX).partition("?")[0]
    return Path(path) if uri.startswith(_PREFIX) and path not in ("", ":memory:") else None


def open_store(uri: str) -> None:
    """Make the database of a SQLite store where it is missing, else check that it can be used.

    It is built under another name and then linked to its own in one step, so that of several
    processes one is first and the others use its database.

    Raises:
        EnvironmentProblem: the file cannot be written, is another one's, half built, or of another
            version of MLflow.
    """
    file = sqlite_file(uri)
    if file is None:
        return
    if not file.parent.is_dir():
        raise _refused(file, "its folder is missing", f"make {file.parent}")
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise _refused(file, "cannot be written", "name another store with --mlflow")
    if file.exists() and file.stat().st_size:
        _check(file)
    else:
        _create(file)


def _create(file: Path) -> None:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    draft = draft_of(file)
    try:
        store = SqlAlchemyStore(f"{_PREFIX}{draft}", "./mlruns")
        store.engine.dispose()
        if file.exists() and not file.stat().st_size:
            file.unlink()
        try:
            # Unlike renaming, it does not replace the database of a process that was first.
            os.link(draft, file)
        except FileExistsError:
            _check(file)
        except OSError:
            # A file system without links.
            draft.rename(file)
    finally:
        remove(draft)
        remove(draft.with_name(f"{draft.name}-journal"))


def _check(file: Path) -> None:
    from mlflow.store.db.utils import _get_latest_schema_revision

    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as database:
            query = "select name from sqlite_master where type = 'table'"
            tables = {name for (name,) in database.execute(query)}
            versions: list[tuple[str]] = []
            if "alembic_version" in tables:
                versions = database.execute("select version_num from alembic_version").fetchall()
            runs = (
                database.execute("select 1 from runs limit 1").fetchall()
                if "runs" in tables
                else []
            )
    except sqlite3.Error as error:
        if "locked" in str(error):
            raise _refused(file, "another process has locked it", "try again later") from None
        raise _refused(file, f"is no SQLite database ({error})", "name another file") from None
    if versions == [(_get_latest_schema_revision(),)]:
        return
    if tables and not {"experiments", "runs", "alembic_version"} & tables:
        raise _refused(file, "is the database of another program", "name another file")
    if not runs:
        raise _refused(file, "was left half built when its creation was interrupted", "remove it")
    version = versions[0][0] if versions else "none"
    raise _refused(
        file,
        f"its schema ({version}) is that of another version of MLflow",
        f"back it up and run mlflow db upgrade {_PREFIX}{file}, or name another file",
    )


def _refused(file: Path, what: str, cure: str) -> EnvironmentProblem:
    return EnvironmentProblem(what, where=str(file), cure=cure)
