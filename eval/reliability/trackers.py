"""Servers and stores that fail in every way: what `log_comparison` makes of each, and how long.

Usage: python -m eval.reliability.trackers [--seconds 5] [--part servers|stores|kills]
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from odqa.comparison import Comparison
from odqa.comparison.folder import save
from odqa.testing.servers import cut_off, die_midway, drip, hang, rubbish, serving
from odqa.testing.synthetic import synthetic_comparison
from odqa.tracking import log_comparison


def main() -> None:
    """Print one row a server or store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5, help="ODQA_MLFLOW_SECONDS")
    parser.add_argument("--part", choices=("all", "servers", "stores", "kills"), default="all")
    args = parser.parse_args()
    os.environ["ODQA_MLFLOW_SECONDS"] = str(args.seconds)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        comparison = synthetic_comparison(30, 2)
        save(comparison, Path("run"))
        write(f"ODQA_MLFLOW_SECONDS={args.seconds:g}\n\n| what | s | outcome |\n|---|---|---|")
        if args.part in ("all", "servers"):
            servers(comparison)
        if args.part in ("all", "stores"):
            stores(comparison)
        if args.part in ("all", "kills"):
            killed()


def servers(comparison: Comparison) -> None:
    """None of them is one."""
    for answer in (refuse, hang, drip, rubbish, cut_off, die_midway):
        with serving(answer) if answer is not refuse else nobody() as uri:
            row((answer.__doc__ or "").splitlines()[0], comparison, uri)


def stores(comparison: Comparison) -> None:
    """SQLite files, good and bad."""
    os.environ["ODQA_MLFLOW_SECONDS"] = "120"
    together("three that begin at once with a new store", 3)
    row("the same again", comparison, "sqlite:///new.db")
    for make in (foreign, no_database, half_built, older, missing_folder):
        row(make.__doc__ or "", comparison, make())
    with closing(sqlite3.connect("new.db")) as database:
        database.execute("begin exclusive")
        row("another process has locked it", comparison, "sqlite:///new.db")


def write(line: str) -> None:
    """To the terminal, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def row(what: str, comparison: Comparison, uri: str) -> None:
    """Log, and say what came of it."""
    started = time.perf_counter()
    outcome = log_comparison(comparison, Path("run"), uri)
    seconds = time.perf_counter() - started
    write(f"| {what.rstrip('.')} | {seconds:.1f} | {str(outcome).replace(uri, 'URI')} |")


def refuse(_: socket.socket) -> None:
    """Nobody listens."""


@contextmanager
def nobody() -> Iterator[str]:
    """A port that is free."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{free.getsockname()[1]}"


def no_database() -> str:
    """A file that is no database"""
    Path("text.db").write_text("Dear diary, " * 200)
    return "sqlite:///text.db"


def foreign() -> str:
    """The database of another program"""
    change(Path("foreign.db"), "create table diary (day text)")
    return "sqlite:///foreign.db"


def half_built() -> str:
    """A store of which two processes built one half each"""
    shutil.copy("new.db", "half.db")
    change(Path("half.db"), "delete from tags", "delete from params", "delete from latest_metrics")
    change(Path("half.db"), "delete from metrics", "delete from runs", "drop table traces_old")
    change(Path("half.db"), "delete from alembic_version")
    return "sqlite:///half.db"


def older() -> str:
    """A store of an older MLflow, with runs"""
    shutil.copy("new.db", "older.db")
    change(Path("older.db"), "update alembic_version set version_num = '451aebb31d03'")
    return "sqlite:///older.db"


def missing_folder() -> str:
    """A folder that is not there"""
    return "sqlite:///nowhere/m.db"


def change(file: Path, *statements: str) -> None:
    """Statements that apply, of these."""
    with closing(sqlite3.connect(file)) as database:
        for statement in statements:
            try:
                database.execute(statement)
            except sqlite3.OperationalError:
                continue
        database.commit()


def begin(store: str) -> subprocess.Popen[bytes]:
    """``odqa log run`` into a SQLite store."""
    code = "from odqa.cli.main import main; main()"
    command = [sys.executable, "-c", code, "log", "run", "--mlflow", f"sqlite:///{store}"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def counts(store: str) -> str:
    """Runs by status, and traces, in a store."""
    with closing(sqlite3.connect(store)) as database:
        query = "select status, count(*) from runs group by status"
        runs = ", ".join(f"{count} {status}" for status, count in database.execute(query))
        ((traces,),) = database.execute("select count(*) from trace_info").fetchall()
    return f"{runs or 'no runs'}; {traces} traces"


def together(what: str, count: int) -> None:
    """Several ``odqa log`` of one run into one new store at the same time."""
    started = time.perf_counter()
    processes = [begin("new.db") for _ in range(count)]
    codes = [process.wait() for process in processes]
    seconds = time.perf_counter() - started
    write(f"| {what} | {seconds:.1f} | exit codes {codes}; {counts('new.db')} |")


def killed() -> None:
    """``odqa log`` killed at several moments, its own process soon after it; then once more."""
    os.environ["ODQA_MLFLOW_SECONDS"] = "120"
    clock: Callable[[], float] = time.perf_counter
    started = clock()
    begin("whole.db").wait()
    seconds = clock() - started
    for part in (0.3, 0.6, 0.8, 0.9):
        store = f"killed-{part}.db"
        process = begin(store)
        time.sleep(part * seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
        was = counts(store) if Path(store).is_file() else "no store"
        code = begin(store).wait()
        left = len(list(Path().glob(f".{store}*")))
        outcome = f"exit code {code}; {counts(store)}; drafts left: {left}"
        write(f"| killed after {part:.0%} ({was}), then again | | {outcome} |")


if __name__ == "__main__":
    main()
