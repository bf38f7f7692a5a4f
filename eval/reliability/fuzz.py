"""Feed every reader of files broken input: ``python -m eval.reliability.fuzz --inputs 100000``.

An input is refused by an `OdqaError` of one line, or accepted; anything else that escapes is a
finding: it is printed with its number, and ``--only READER --first NUMBER --inputs 1`` repeats it.
The record is a row a reader, in Markdown.
"""

from __future__ import annotations

import argparse
import logging
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from eval.reliability.fuzz_readers import FuzzedReader, readers, run_folder_readers
from odqa.errors import OdqaError, SpecErrors

#: Seconds after which an input hangs.
_LONGEST = 20
#: What differs between refusals of one kind.
_VALUE = re.compile("'.*'|[0-9]+")
_HEADER = (
    "| reader | inputs | accepted | refused | distinct refusals | escaped | seconds |\n"
    "|---|---:|---:|---:|---:|---:|---:|"
)


@dataclass(slots=True)
class Tally:
    """What became of the inputs of one reader; escapes are examples by place, the rest counts."""

    inputs: int = 0
    accepted: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    escapes: dict[str, str] = field(default_factory=dict)
    escaped: int = 0
    seconds: float = 0.0

    def row(self, name: str) -> str:
        """One line of the record."""
        refused = self.refusals.total()
        cells = (self.inputs, self.accepted, refused, len(self.refusals), self.escaped)
        return f"| {name} | {' | '.join(f'{n:,}' for n in cells)} | {self.seconds:,.0f} |"


def fuzz(name: str, reader: FuzzedReader, folder: Path, numbers: range) -> Tally:
    """Give a reader the inputs of these numbers; the same number is the same input every time."""
    tally, path = Tally(), folder / reader.file
    started = time.perf_counter()
    for number in numbers:
        path.write_bytes(reader.data(Random(f"{name} {number}")))
        tally.inputs += 1
        try:
            with _time_limit():
                reader.read(path)
            tally.accepted += 1
        except OdqaError as error:
            check_line(error)
            tally.refusals[_kind(error)] += 1
        except Exception as error:
            tally.escaped += 1
            frame = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"
            tally.escapes.setdefault(place, f"input {number}: {str(error)[:200]!r}")
    tally.seconds = time.perf_counter() - started
    return tally


def check_line(error: OdqaError) -> None:
    """Every problem is one line that a terminal prints as it is."""
    problems = error.problems if isinstance(error, SpecErrors) else (error,)
    lines = str(error).split("\n")
    assert len(lines) == len(problems), lines
    assert all(line.strip() and line.isprintable() for line in lines), lines


def _kind(error: OdqaError) -> str:
    """The class and message without values and places."""
    first = error.problems[0] if isinstance(error, SpecErrors) else error
    return f"{type(first).__name__}: {_VALUE.sub('…', first.what)[:60]}"


@contextmanager
def _time_limit() -> Iterator[None]:
    def late(*_: object) -> None:
        raise TimeoutError(f"over {_LONGEST} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(_LONGEST)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Parse the arguments, fuzz, and print the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=1000, help="per reader")
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--only", nargs="*", default=[], help="beginnings of readers' names")
    parser.add_argument("--run", type=Path, help="a finished run folder to fuzz, too")
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    _say(_HEADER)
    with tempfile.TemporaryDirectory(prefix="odqa-fuzz-") as name:
        folder = Path(name)
        chosen = readers(folder)
        if args.run:
            copy = folder / "run"
            unread = shutil.ignore_patterns("figures", "report.html", "table.*")
            shutil.copytree(args.run, copy, ignore=unread)
            chosen |= run_folder_readers(copy)
        for name, reader in chosen.items():
            if args.only and not name.startswith(tuple(args.only)):
                continue
            numbers = range(args.first, args.first + args.inputs)
            tally = fuzz(name, reader, folder, numbers)
            _say(tally.row(name))
            for place, example in tally.escapes.items():
                _say(f"    {place}, {example}")


if __name__ == "__main__":
    main()
