"""Headless Chromium, for tests of a report that need a browser."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((path for path in map(shutil.which, _NAMES) if path), None)
"""The first that is on the path; None where there is none."""

_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--dump-dom"),
)


def dump_dom(
    browser: str, address: str, profile: Path, *flags: str
) -> subprocess.CompletedProcess[str]:
    """Open a page and print it as it stands once loaded: HTML in ``stdout``.

    Args:
        browser: path of a Chromium.
        address: of the page.
        profile: folder for the browser's own files.
        flags: further ones, such as what to log.

    Raises:
        subprocess.CalledProcessError, subprocess.TimeoutExpired: the browser failed, or took
            more than five minutes.
    """
    return subprocess.run(
        [browser, *_FLAGS, *flags, f"--user-data-dir={profile}", address],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=True,
    )
