"""Flip one bit of one byte of a run folder at a time, and see what loading it says.

    python eval/reliability/run_folder_flips.py [RUN] [--flips 2000] [--old] [--seed 0]

Without a run folder a synthetic one is made. ``--old`` takes the digests out first, as in folders
of version 0.1.0, where a changed figure cannot be noticed: there no flip may end in anything but
one line or a loaded folder. Exit code 1 where a flip went unnoticed, or raised another error.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

from odqa.comparison.folder import save
from odqa.comparison.result import Comparison
from odqa.errors import OdqaError
from odqa.testing.synthetic import synthetic_comparison


def outcome(folder: Path, before: Comparison) -> str:
    """What loading says: refused, the same, another, or the name of an unforeseen error."""
    try:
        after = Comparison.load(folder)
    except OdqaError as error:
        return "refused" if len(str(error).splitlines()) == 1 else "refused in several lines"
    except Exception as error:
        return f"raised {type(error).__name__}"
    return "loaded the same" if after == before else "loaded another"


def flip(folder: Path, before: Comparison, flips: int, chance: random.Random) -> Counter[str]:
    """Outcomes by file, of flips spread evenly over the files."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    outcomes: Counter[str] = Counter()
    for number in range(flips):
        path = files[number % len(files)]
        content = path.read_bytes()
        if not content:
            continue
        changed = bytearray(content)
        changed[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(changed)
        outcomes[f"{path.name}: {outcome(folder, before)}"] += 1
        path.write_bytes(content)
    return outcomes


def main() -> int:
    """Print outcomes by file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", nargs="?", type=Path)
    parser.add_argument("--flips", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--old", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "run"
        if args.run:
            shutil.copytree(args.run, folder)
        else:
            save(synthetic_comparison(5, 3, explained=2), folder)
        if args.old:
            manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
            manifest = {k: v for k, v in manifest.items() if k not in ("files", "digest")}
            (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        before = Comparison.load(folder)
        outcomes = flip(folder, before, args.flips, random.Random(args.seed))
    for name, times in sorted(outcomes.items()):
        sys.stdout.write(f"{times:6} {name}\n")
    good = ("refused", "loaded the same", "loaded another") if args.old else ("refused",)
    bad = sum(n for name, n in outcomes.items() if name.rpartition(": ")[2] not in good)
    sys.stdout.write(f"{outcomes.total()} flips, {bad} not as they should be\n")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
