"""Flip one byte in every kind of artifact, its time set back or not: found, or silently wrong?

``python -m eval.reliability.flips [--flips 500] [--seconds 600]``. Stages computed from an artifact
that is attacked are removed first, so that it is really read. A flip is *found* where the artifact
is built again or refused in one line, *harmless* where results are equal without a word (such as in
white space of a manifest), *wrong* where results differ.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import odqa
from eval.reliability.pipelines import results, write_data, write_specs
from odqa.cache import Cache
from odqa.data import corpora
from odqa.data.corpora import open_corpus
from odqa.encoders.text import TextEncoder
from odqa.errors import OdqaError
from odqa.retro.create.byte_tokenizer import ByteTokenizer
from odqa.retro.offline.chunk_database import ChunkDatabase
from odqa.testing.tiny_checkpoints import WORDS

#: Kinds that are results, which are read only where they are there.
RESULTS = ("stages", "explanations", "latency")


@dataclass(frozen=True)
class Attack:
    """Something that reads artifacts, and what it gave from sound ones."""

    name: str
    run: Callable[[Cache], str]
    root: Path
    expected: str


class Warnings(logging.Handler):
    """Counts warnings of odqa."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1


def attacks(folder: Path) -> list[Attack]:
    """Every pipeline, and the chunk database with its neighbours."""
    data = write_data(folder / "data", 60)
    specs = write_specs(folder)

    def pipeline(path: Path) -> Callable[[Cache], str]:
        return lambda cache: results(
            odqa.compare([str(path)], str(data), cache=cache, explain=4, latency=1)
        )

    tokenizer = ByteTokenizer.train(WORDS.split(), 300)

    def database(cache: Cache) -> str:
        encoder = TextEncoder(str(folder / "bert"), normalize=False)
        chunks = ChunkDatabase(tokenizer, encoder, chunk_length=16)
        chunks.prepare(open_corpus(str(folder / "data" / "passages.tsv"), cache), cache)
        rows, real = chunks.own_neighbours(2)
        return repr([a.tolist() for a in (rows, real, chunks.tokens, chunks.documents)])

    runs = {name: pipeline(path) for name, path in specs.items()} | {"database": database}
    made = []
    for name, run in runs.items():
        root = folder / "caches" / name
        made.append(Attack(name, run, root, run(Cache(root))))
    return made


def flip(path: Path, rng: random.Random, keep_time: bool) -> None:
    """Change one bit of one byte."""
    stat, content = path.stat(), bytearray(path.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(bytes(content))
    if keep_time:
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def one(attack: Attack, file: Path, rng: random.Random, work: Path, keep_time: bool) -> str:
    """Copy the cache, flip, run: what became of it."""
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(attack.root, work, symlinks=True)
    kind = file.relative_to(attack.root).parts[0]
    if kind not in RESULTS:
        for other in RESULTS:
            shutil.rmtree(work / other, ignore_errors=True)
    flip(work / file.relative_to(attack.root), rng, keep_time)
    warnings = Warnings()
    logging.getLogger("odqa").addHandler(warnings)
    try:
        got = attack.run(Cache(work))
    except OdqaError:
        return "found"
    except Exception as error:
        return f"traceback ({type(error).__name__})"
    finally:
        logging.getLogger("odqa").removeHandler(warnings)
    if got != attack.expected:
        return "wrong"
    return "found" if warnings.count else "harmless"


def main() -> int:
    """Run the attack and print a table; 1 where anything was silently wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--flips", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    # Digests of corpora are artifacts only of large files.
    corpora._HUGE = 1
    logging.getLogger("odqa").propagate = False
    rng = random.Random(args.seed)
    np.random.seed(0)
    with tempfile.TemporaryDirectory(prefix="flips-") as name:
        table = _table(Path(name), rng, args.flips, args.seconds)
    _print(table)
    return int(any(key.startswith(("wrong", "trace")) for row in table.values() for key in row))


def _table(folder: Path, rng: random.Random, flips: int, seconds: float) -> dict[str, Counter[str]]:
    targets: dict[str, list[tuple[Attack, Path]]] = defaultdict(list)
    for attack in attacks(folder):
        for path in sorted(attack.root.rglob("*")):
            if path.is_file() and path.suffix != ".lock" and path.stat().st_size:
                kind = path.relative_to(attack.root).parts[0]
                what = "manifest" if path.name == "manifest.json" else "content"
                targets[f"{kind} {what}"].append((attack, path))
    end = time.monotonic() + seconds
    table: dict[str, Counter[str]] = {kind: Counter() for kind in sorted(targets)}
    for number in range(flips):
        if time.monotonic() > end:
            break
        kind = sorted(targets)[number % len(targets)]
        attack, path = rng.choice(targets[kind])
        outcome = one(
            attack, path, rng, folder / "work", keep_time=bool(number // len(targets) % 2)
        )
        table[kind][outcome] += 1
        if outcome.startswith(("wrong", "trace")):
            sys.stdout.write(f"{outcome}: {path.relative_to(folder)}\n")
    return table


def _print(table: dict[str, Counter[str]]) -> None:
    outcomes = ["found", "harmless", "wrong"]
    outcomes += sorted({key for row in table.values() for key in row} - set(outcomes))
    sys.stdout.write(f"{'artifact':<28}" + "".join(f"{o:>12}" for o in outcomes) + "\n")
    sums: Counter[str] = Counter()
    for kind, row in table.items():
        sums += row
        sys.stdout.write(f"{kind:<28}" + "".join(f"{row[o]:>12}" for o in outcomes) + "\n")
    sys.stdout.write(f"{'all':<28}" + "".join(f"{sums[o]:>12}" for o in outcomes) + "\n")


if __name__ == "__main__":
    sys.exit(main())
