"""Fixtures that are slow to make and shared by several tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from odqa.report.page import render_page
from odqa.testing.synthetic import whole_nq_comparison


@pytest.fixture(scope="session")
def whole_nq(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report as large as that of the whole NQ-open test set.

    The budget has to hold for it.
    """
    path = tmp_path_factory.mktemp("whole-nq") / "report.html"
    page = render_page(whole_nq_comparison())
    path.write_text(page, encoding="utf-8")
    return path
