"""The probe of opening times in a real browser: headless Chromium, where there is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval.opening import opening
from odqa.testing.browser import CHROMIUM

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


def page(busy: int) -> str:
    wait = f"for (const end = performance.now() + {busy}; performance.now() < end;) {{}}"
    return f"<html><head></head><body><script>{wait}</script></body></html>"


def test_what_scripts_take_is_in_the_time(tmp_path: Path) -> None:
    assert CHROMIUM is not None
    assert opening(page(700), CHROMIUM, tmp_path) > 0.7


def test_a_page_without_the_probe_has_no_time(tmp_path: Path) -> None:
    assert CHROMIUM is not None
    with pytest.raises(SystemExit, match="did not finish"):
        opening("<html><body>no head</body></html>", CHROMIUM, tmp_path)
