"""Kill a process at every file that it touches while it saves a run folder.

    python eval/reliability/kill_saving.py

The child dies by SIGKILL when it is about to open, make, rename or remove for the n-th time, for
every n (every tenth where the report with its figures is written too). After each kill, a run
folder must be whole (the old or the new one) or absent, and the next run must leave nothing of the
dead one. Exit code 1 where that is not so.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from odqa.cli.results import keep, run_folder
from odqa.comparison.draft import remove_dead_drafts
from odqa.comparison.folder import save
from odqa.comparison.result import Comparison
from odqa.errors import RunError
from odqa.testing.synthetic import synthetic_comparison

OLD, NEW = synthetic_comparison(1, 1), synthetic_comparison(2, 2, explained=1)


def child(out: Path, command: str, number: int) -> bool:
    """Whether a process that saves came to its end before it was to be killed."""
    counted = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree"}
    times = 0

    def hook(event: str, args: tuple[object, ...]) -> None:
        nonlocal times
        if event in counted and str(args[0]).startswith(str(out)):
            times += 1
            if times == number:
                os.kill(os.getpid(), signal.SIGKILL)

    pid = os.fork()
    if pid == 0:
        sys.addaudithook(hook)
        if command == "odqa compare":
            with run_folder(out, "run") as draft:
                keep(NEW, draft)
        else:
            save(NEW, out / "run")
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0


def series(out: Path, command: str, existing: bool, step: int) -> tuple[int, list[str]]:
    """How many kills there were, and what was wrong after them."""
    wrong = []
    for kills, number in enumerate(range(1, 5000, step)):
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        if existing:
            save(OLD, out / "run")
        if child(out, command, number):
            return kills, wrong
        remove_dead_drafts(out)
        names = [path.name for path in out.iterdir()]
        if any(name.startswith(".") for name in names) or len(names) > 1:
            wrong.append(f"kill {number}: {names}")
        if existing and not names:
            wrong.append(f"kill {number}: the old folder is gone")
        for name in names:
            try:
                Comparison.load(out / name)
            except RunError as error:
                wrong.append(f"kill {number}: {error}")
    raise AssertionError("no end")


def main() -> int:
    """Print one line a series."""
    bad = 0
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary) / "runs"
        save(NEW, out / "warm-up")
        plans = (("save", False, 1), ("save", True, 1), ("odqa compare", False, 10))
        for command, existing, step in plans:
            kills, wrong = series(out, command, existing, step)
            over = " over an earlier folder" if existing else ""
            sys.stdout.write(f"{command}{over}: {kills} kills, {len(wrong)} wrong\n")
            sys.stdout.writelines(f"  {line}\n" for line in wrong[:5])
            bad += len(wrong)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
