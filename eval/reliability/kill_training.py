"""Kill a training at many moments; resumed, it must end bit by bit like one that was not killed.

Usage: python -m eval.reliability.kill_training [--kills 50] [--every 1] [--folder FOLDER]

A cross-encoder learns colours for five steps, evaluated and saved after each. It is killed before
each of its writes (the files of every checkpoint, recipe.json, model, card, curve), and at random
moments; with each of the five files of a checkpoint missing or cut, as odqa 0.1.0 could leave it.
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

from odqa.testing.kills import killed_at
from odqa.testing.tiny_recipe import tiny_recipe

_FILES = (
    *("model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth"),
    "trainer_state.json",
)


def main() -> None:
    """Run all series and print one line each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50, help="at random moments")
    parser.add_argument("--every", type=int, default=1, help="kill before every n-th of the writes")
    parser.add_argument("--folder", type=Path, help="to work in; default: a temporary one")
    args = parser.parse_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    # A forked child has none of the threads of its parent.
    os.environ["OMP_NUM_THREADS"] = "1"
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        series(Path(folder), args.kills, args.every)


def series(folder: Path, kills: int, every: int) -> None:
    """All of them, over one recipe in a folder."""
    recipe = write_recipe(folder)
    load_libraries(recipe)
    started = time.perf_counter()
    whole = folder / "whole"
    in_child(lambda: train(recipe, whole))
    seconds = time.perf_counter() - started
    expected = contents(whole)
    out = folder / "run"

    chance = random.Random(1)
    outcomes: Counter[str] = Counter()
    for _ in range(kills):
        shutil.rmtree(out, ignore_errors=True)
        while killed_after(chance.uniform(0, seconds), recipe, out):
            # Two of three are killed again when they go on.
            if not chance.randrange(3):
                break
        outcomes[resumed(recipe, out, expected)] += 1
    report("at random moments, often several times", outcomes)

    outcomes = Counter()
    for number in range(1, 10_000, every):
        shutil.rmtree(out, ignore_errors=True)
        if not killed_at(number, out, lambda: train(recipe, out)):
            break
        outcomes[resumed(recipe, out, expected)] += 1
    report("before its writes", outcomes)

    outcomes = Counter()
    for written in range(len(_FILES)):
        for is_cut in (False, True):
            shutil.rmtree(out, ignore_errors=True)
            shutil.copytree(whole, out)
            as_left_by_0_1_0(out, written, is_cut)
            outcomes[resumed(recipe, out, expected)] += 1
    report("with a part of the last checkpoint, of 0.1.0", outcomes)


def load_libraries(recipe: Path) -> None:
    """Once, not in every child."""
    from odqa.training import load_recipe
    from odqa.training.tasks import task_class
    from odqa.training.trainer import task_trainer  # noqa: F401

    loaded = load_recipe(recipe)
    task_class(loaded.task).load(loaded).build()


def report(what: str, outcomes: Counter[str]) -> None:
    """One line."""
    counts = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common())
    sys.stdout.write(f"killed {what}: {counts}\n")
    sys.stdout.flush()


def train(recipe: Path, out: Path, resume: bool = False) -> None:
    """In this process, without the Trainer's words."""
    from transformers.utils import logging

    from odqa.training import train as run

    logging.set_verbosity_error()
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
        run(recipe, out, resume)


def in_child(work: Callable[[], object]) -> None:
    """Work in a forked process, as all of the others are."""
    killed_at(0, Path("/nowhere"), work)


def resumed(recipe: Path, out: Path, expected: dict[str, str]) -> str:
    """Go on to the end; what came of it."""
    try:
        in_child(lambda: train(recipe, out, resume=True))
    except RuntimeError:
        return "NOT RESUMED"
    if contents(out) != expected:
        return "OTHER RESULT"
    names = {path.name for path in out.iterdir()}
    left = names - {"checkpoints", "cross-encoder", "curve.json", "recipe.json", ".lock"}
    return f"left {left}" if left else "equal"


def killed_after(seconds: float, recipe: Path, out: Path) -> bool:
    """Train, or go on, for so long at most; whether it was killed."""
    pid = os.fork()
    if pid == 0:
        try:
            train(recipe, out, resume=True)
        finally:
            os._exit(0)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        if os.waitpid(pid, os.WNOHANG)[0]:
            return False
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1] == signal.SIGKILL


def as_left_by_0_1_0(out: Path, written: int, is_cut: bool) -> None:
    """Checkpoints without manifests, so many files of the last one, the next one cut; no result."""
    shutil.rmtree(out / "cross-encoder")
    (out / "curve.json").unlink()
    for manifest in out.glob("checkpoints/*/manifest.json"):
        manifest.unlink()
    last = max((out / "checkpoints").iterdir(), key=lambda path: int(path.name.split("-")[1]))
    for number, name in enumerate(_FILES):
        file = last / name
        if number == written and is_cut:
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        elif number >= written:
            file.unlink()


def contents(out: Path) -> dict[str, str]:
    """SHA-256 of what a training leaves to its user; nothing where it has not ended."""
    files = [out / "curve.json", out / "recipe.json", *sorted((out / "cross-encoder").glob("*"))]
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.is_file()
    }


def write_recipe(folder: Path) -> Path:
    """The recipe of `tiny_recipe`, with negatives as if they had been mined."""
    optim = {"steps": 5, "lr": 0.02, "patience": 3}
    return tiny_recipe(folder, optim=optim, evaluated=6, candidates="mined")


if __name__ == "__main__":
    main()
