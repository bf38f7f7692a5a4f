"""What checking cached artifacts costs a comparison that is read from the cache.

Usage: python -m eval.reliability.check_cost

The six embedded pipelines run once, to fill the cache, and again, which is measured.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import odqa
from odqa.cache import artifacts


def main() -> None:
    """Print processor seconds of the checks and of the whole comparison."""
    odqa.compare()
    original, spent, count = artifacts.check, 0.0, 0

    def timed(folder: Path, **options: Any) -> Any:
        nonlocal spent, count
        started = time.process_time()
        try:
            return original(folder, **options)
        finally:
            spent += time.process_time() - started
            count += 1

    artifacts.check = timed  # type: ignore[attr-defined]
    started = time.process_time()
    odqa.compare()
    whole = time.process_time() - started
    line = f"{count} checks: {spent:.3f} of {whole:.2f} s of processor time ({spent / whole:.1%})\n"
    sys.stdout.write(line)


if __name__ == "__main__":
    main()
