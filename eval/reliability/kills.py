"""Kill ``index`` and ``compare`` at random moments, go on, and compare with a run left alone.

``python -m eval.reliability.kills [--kills 50] [--seconds 600]``. Every trial is killed twice
(SIGKILL) and then runs to its end. What must hold: the results and the content of every artifact
are those of the run left alone, to the last bit; nothing that was finished is built again; nothing
is left over. Report and MLflow run, which come after the results, are not part of this.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import faiss  # noqa: F401  (imported once, before the children are forked)
import torch
import transformers  # noqa: F401

import odqa
from eval.reliability.pipelines import results, write_data, write_specs
from odqa.cache import Cache, survey
from odqa.cache.manifest import files_of
from odqa.cli.index import index
from odqa.encoders import kept_batches

#: Kinds whose content does not hold seconds, and is the same in every run.
SAME = ("corpora", "vectors", "dense-index", "token-store", "neighbour-store")
KILLS_PER_TRIAL = 2

Work = Callable[[Path, Path], None]


def child(work: Work, cache: Path, out: Path) -> int:
    """The process id of a child that does the work."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        work(cache, out)
        code = 0
    finally:
        os._exit(code)


def finish(work: Work, cache: Path, out: Path) -> float:
    """Do the work in a child; returns its seconds."""
    started = time.monotonic()
    _, status = os.waitpid(child(work, cache, out), 0)
    assert os.waitstatus_to_exitcode(status) == 0, "the run that goes on failed"
    return time.monotonic() - started


def killed(work: Work, cache: Path, out: Path, after: float) -> bool:
    """Do the work in a child that is killed; whether it was still at work then."""
    pid = child(work, cache, out)
    time.sleep(after)
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status)


def content(cache: Path) -> dict[str, str]:
    """SHA-256 of every file of artifacts that are the same in every run."""
    return {
        f"{folder.parent.name}/{folder.name}/{name}": hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in survey.artifacts(cache)
        if folder.parent.name in SAME
        for name, path in files_of(folder)
    }


def finished(cache: Path) -> dict[Path, int]:
    """Finished artifacts, each with the inode of its folder, which a new one has not."""
    return {folder: folder.stat().st_ino for folder in survey.artifacts(cache)}


def left_over(cache: Path) -> list[str]:
    """What no finished run leaves."""
    names = (".partial", ".damaged", ".tmp", ".resume")
    return [str(path) for path in cache.rglob("*") if path.name.endswith(names)]


def trial(
    work: Work, seconds: float, rng: random.Random, folder: Path
) -> tuple[Counter[str], Path]:
    """Kill twice, go on; counts kills and faults."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    cache, out = folder / "cache", folder / "results"
    counts: Counter[str] = Counter()
    for _ in range(KILLS_PER_TRIAL):
        before = finished(cache)
        counts["kills"] += killed(work, cache, out, rng.uniform(0, seconds))
        counts["built again"] += _built_again(before, cache)
    before = finished(cache)
    finish(work, cache, out)
    counts["built again"] += _built_again(before, cache)
    counts["left over"] += len(left_over(cache))
    counts["damaged"] += sum(survey.damage(folder) is not None for folder in finished(cache))
    return counts, out


def _built_again(before: dict[Path, int], cache: Path) -> int:
    after = finished(cache)
    return sum(after.get(folder) != inode for folder, inode in before.items())


def main() -> int:
    """Run both series and print a table; 1 where anything was not as it must be."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=50, help="of each command")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--passages", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    # Batches are stored so often that a kill falls between and into them.
    kept_batches.SECONDS = 0.05
    rng = random.Random(args.seed)
    with tempfile.TemporaryDirectory(prefix="kills-") as name:
        root = Path(name)
        data = str(write_data(root / "data", args.passages))
        specs = [str(path) for path in write_specs(root / "specs").values()]

        def compare(cache: Path, out: Path) -> None:
            out.write_text(results(odqa.compare(specs, data, cache=Cache(cache), explain=4)))

        def make_indexes(cache: Path, out: Path) -> None:
            index(specs, data, None, cache)
            out.write_text("")

        series: dict[str, Work] = {"index": make_indexes, "compare": compare}
        end = time.monotonic() + args.seconds
        table = {}
        for number, (command, work) in enumerate(series.items(), start=1):
            stop = end - (len(series) - number) * args.seconds / len(series)
            table[command] = _series(work, args.kills, stop, rng, root / command)
    heads = ("kills", "other results", "other content", "built again", "left over", "damaged")
    sys.stdout.write(f"{'command':<10}" + "".join(f"{head:>15}" for head in heads) + "\n")
    for command, row in table.items():
        sys.stdout.write(f"{command:<10}" + "".join(f"{row[head]:>15}" for head in heads) + "\n")
    return int(any(row[head] for row in table.values() for head in heads[1:]))


def _series(work: Work, kills: int, stop: float, rng: random.Random, folder: Path) -> Counter[str]:
    folder.mkdir()
    alone, out = folder / "alone", folder / "alone-results"
    seconds = finish(work, alone, out)
    expected, expected_content = out.read_text(), content(alone)
    row: Counter[str] = Counter()
    while row["kills"] < kills and time.monotonic() < stop:
        counts, out = trial(work, seconds, rng, folder / "trial")
        row += counts
        row["other results"] += out.read_text() != expected
        row["other content"] += content(folder / "trial" / "cache") != expected_content
    return row


if __name__ == "__main__":
    sys.exit(main())
