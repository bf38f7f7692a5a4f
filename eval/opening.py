"""How large a report of the whole NQ-open test set is, and how long a browser takes to open it.

The worst case of `odqa.testing.synthetic.whole_nq_comparison`.
Needs Chromium on the path::

    python -m eval.opening
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import tempfile
from pathlib import Path

from odqa.report.page import render_page
from odqa.testing.browser import CHROMIUM, dump_dom
from odqa.testing.synthetic import whole_nq_comparison

# Milliseconds since navigation began, when the page with all its scripts had run.
PROBE = (
    "<script>addEventListener('load', () => {"
    "document.documentElement.dataset.loaded = performance.now()})</script>"
)


def opening(page: str, browser: str, folder: Path) -> float:
    """Seconds from the start of navigation to the load event, in a browser without a profile."""
    target = folder / "report.html"
    target.write_text(page.replace("</head>", f"{PROBE}</head>", 1), encoding="utf-8")
    with tempfile.TemporaryDirectory() as profile:
        done = dump_dom(browser, target.as_uri(), Path(profile))
    found = re.search(r'data-loaded="([\d.]+)"', done.stdout[:10_000])
    if found is None:
        raise SystemExit("the page did not finish loading")
    return float(found[1]) / 1000


def main() -> None:
    """Print size and times."""
    words = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    words.add_argument("--repetitions", type=int, default=5)
    asked = words.parse_args()
    if CHROMIUM is None:
        words.error("no Chromium on the path; install it")
    page = render_page(whole_nq_comparison())
    with tempfile.TemporaryDirectory() as folder:
        times = [opening(page, CHROMIUM, Path(folder)) for _ in range(asked.repetitions)]
    megabytes = len(page.encode()) / 1e6
    sys.stdout.write(
        f"3,610 questions x 4 pipelines: {megabytes:.1f} MB, opened in "
        f"{statistics.median(times):.2f} s [{min(times):.2f}, {max(times):.2f}]\n"
    )


if __name__ == "__main__":
    main()
