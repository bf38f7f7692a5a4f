"""Kill ``odqa export``, ``odqa compare runs/A runs/B`` and ``odqa log``, and run them again.

Usage: python -m eval.reliability.kill_commands [--kills 50] [--only export merge log]

Export and merge are killed before each of their writes (every n-th, where there are more than the
kills asked for), every command after random amounts of processor time, in one of three trials
twice. The same command then has to end as a run left alone, bit by bit; of what a store of MLflow
holds, ids and times are left out. Nothing else may be left over.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import pickle
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from odqa.comparison.folder import save
from odqa.comparison.result import Comparison
from odqa.testing.kills import count_writes, killed_after, killed_at
from odqa.testing.synthetic import synthetic_comparison

_NEVER = 10**9
#: Of a run in MLflow's store, what does not depend on when and where it was logged.
_OWN_TAGS = ("mlflow.parentRunId", "mlflow.user", "mlflow.source.name")


@dataclass(frozen=True, slots=True)
class Command:
    """One command over run folders ``A`` and ``B`` in a folder.

    Attributes:
        run: does it, in this process; everything that it writes is below ``out``.
        outcome: what it left, by name; empty where it did not end. Raises `AssertionError` where
            something is left over or in part.
        writes: whether Python sees its writes, so that it can be killed before each.
        begin: makes what is there before the first run of a trial.
    """

    name: str
    run: Callable[[Path, Path], object]
    outcome: Callable[[Path], dict[str, str]]
    writes: bool = True
    begin: Callable[[Path, Path], None] | None = None


def export(root: Path, out: Path) -> None:
    """Every format, one after the other."""
    from odqa.cli.export import export as command

    for form in ("trec", "qrels", "dpr", "squad", "nq-open"):
        command(root / "A", form, out / form)


def merge(root: Path, out: Path) -> None:
    """Two finished runs put together, with report and figures."""
    from odqa.cli.compare import compare

    compare([str(root / "A"), str(root / "B")], out=out, mlflow="off", name="merged")


def log(root: Path, out: Path) -> None:
    """The process that talks to MLflow, by itself: the first to die when a machine does."""
    from odqa.tracking.child import main

    out.mkdir(exist_ok=True)
    os.chdir(out)
    sys.stdin = (root / "payload").open(encoding="latin-1")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    main(600.0)


def with_store(root: Path, out: Path) -> None:
    """MLflow's database is there, without runs: most of the time of a first log makes it."""
    from odqa.tracking.store import open_store

    empty = root / "empty.db"
    if not empty.exists():
        killed_at(_NEVER, root, lambda: open_store(f"sqlite:///{empty}"))
    out.mkdir()
    shutil.copy(empty, out / "store.db")


def prepare_log(root: Path, out: Path) -> None:
    """What the process reads, and the modules that it loads."""
    import mlflow.tracking  # noqa: F401

    from odqa.tracing import TracePolicy
    from odqa.tracking import runs, store, traces  # noqa: F401
    from odqa.tracking.payload import comparison_payload, trace_batches

    comparison = Comparison.load(root / "A")
    questions = TracePolicy.parse("all").questions(comparison)
    count = len(questions) * len(comparison.pipelines)
    uri = f"sqlite:///{out}/store.db"
    with (root / "payload").open("wb") as file:
        pickle.dump(comparison_payload(comparison, root / "A", uri, "killed", count), file)
        for batch in trace_batches(comparison, questions):
            pickle.dump(batch, file)
        pickle.dump(None, file)


def files(out: Path) -> dict[str, str]:
    """SHA-256 of every file; none may be a draft."""
    found = {str(p.relative_to(out)): p for p in sorted(out.rglob("*")) if p.is_file()}
    assert not [name for name in found if "/." in f"/{name}"], sorted(found)
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in found.items()}


def newest_run(out: Path) -> dict[str, str]:
    """The files of the only run folder, which is called after the time."""
    folders = list(out.iterdir())
    assert len(folders) == 1 or all(not f.name.startswith(".") for f in folders), folders
    contents = [files(folder) for folder in sorted(folders)]
    # A command that was killed after its last write has left a whole folder.
    assert all(content == contents[-1] for content in contents)
    return contents[-1]


def store(out: Path) -> dict[str, str]:
    """What runs and traces hold, without ids and times."""
    assert not [path for path in out.iterdir() if path.name.startswith(".")], list(out.iterdir())
    with closing(sqlite3.connect(out / "store.db")) as database:
        return dict(_rows(database))


def _rows(database: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    runs = database.execute("select run_uuid, name, status, artifact_uri from runs").fetchall()
    names = {run: name for run, name, _, _ in runs}
    for run, name, status, artifacts in runs:
        yield f"{name}: number", str(list(names.values()).count(name))
        yield f"{name}: status", status
        for table in ("params", "metrics", "tags"):
            columns = "key, value, step" if table == "metrics" else "key, value, 0"
            query = f"select {columns} from {table} where run_uuid = ?"
            for key, value, step in database.execute(query, (run,)):
                if key not in _OWN_TAGS:
                    yield f"{name}: {table} {key} {step}", str(value)
        (inputs,) = database.execute(
            "select count(*) from inputs where destination_id = ?", (run,)
        ).fetchone()
        yield f"{name}: inputs", str(inputs)
        folder = Path(artifacts.removeprefix("file://"))
        for file, digest in files(folder).items():
            yield f"{name}: {file}", digest
    tags = "select key, value from trace_tags where key not like 'mlflow.%'"
    traces = database.execute("select status, request_preview from trace_info").fetchall()
    yield "traces", str(sorted(map(str, traces)))
    yield "traces' tags", str(sorted(map(str, database.execute(tags).fetchall())))


COMMANDS = (
    Command("export", export, files),
    Command("merge", merge, newest_run),
    Command("log", log, store, writes=False, begin=with_store),
    Command("log-new-store", log, store, writes=False),
)


def main() -> int:
    """Run the series and print a line each; 1 where anything was not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50, help="of each command")
    parser.add_argument("--only", nargs="*", default=[], help="export, merge, log, log-new-store")
    parser.add_argument("--seconds", type=float, default=3600.0, help="for each command")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory(prefix="kills-") as name:
        root = Path(name)
        save(synthetic_comparison(5, 2, explained=1), root / "A")
        save(synthetic_comparison(5, 2, explained=1), root / "B")
        for command in COMMANDS:
            if not args.only or command.name in args.only:
                chance = random.Random(args.seed)
                number, counts = series(command, root, args.kills, args.seconds, chance)
                words = ", ".join(f"{count} {what}" for what, count in counts.most_common())
                sys.stdout.write(f"{command.name}, {number} kills: {words}\n")
                sys.stdout.flush()
                bad += counts.total() - counts["equal"]
    return int(bad > 0)


def series(
    command: Command, root: Path, kills: int, seconds: float, chance: random.Random
) -> tuple[int, Counter[str]]:
    """How many kills there were, and what came of the trials."""
    out = root / command.name
    end = time.monotonic() + seconds

    def work() -> None:
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), 1)
        command.run(root, out)

    if command.run is log:
        prepare_log(root, out)
    # The modules that it needs are loaded once; the child counts its writes and processor time.
    _load(command)

    def begin() -> None:
        shutil.rmtree(out, ignore_errors=True)
        if command.begin is not None:
            command.begin(root, out)

    begin()
    total, writes = _alone(command, out, work)
    expected = command.outcome(out)
    assert expected
    counts: Counter[str] = Counter()
    step = max(1, writes // kills)
    at = deque(range(1, writes + 1, step))
    number = 0
    while (number < kills or at) and time.monotonic() < end:
        begin()
        if at:
            was_killed = killed_at(at.popleft(), out, work)
        else:
            was_killed = killed_after(chance.uniform(0, total), work)
        if not was_killed:
            continue
        number += 1
        if not chance.randrange(3):
            number += killed_after(chance.uniform(0, total), work)
        counts[_again(command, out, work, expected)] += 1
    return number, counts


def _again(command: Command, out: Path, work: Callable[[], None], expected: dict[str, str]) -> str:
    try:
        killed_at(_NEVER, out, work)
        return "equal" if command.outcome(out) == expected else "OTHER RESULT"
    except RuntimeError:
        return "NOT COMPLETED"
    except AssertionError as error:
        return f"LEFT OVER {str(error)[:200]}"


def _load(command: Command) -> None:
    if command.name == "merge":
        from odqa.cli import results  # noqa: F401
        from odqa.report import write  # noqa: F401


def _alone(command: Command, out: Path, work: Callable[[], None]) -> tuple[float, int]:
    """Seconds of processor time, and writes, of a run that is left alone."""
    before = os.times()
    writes = count_writes(out, work) if command.writes else killed_at(_NEVER, out, work)
    after = os.times()
    seconds = after.children_user + after.children_system
    return seconds - before.children_user - before.children_system, int(writes)


if __name__ == "__main__":
    sys.exit(main())
