"""What is slow to make and wanted twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from odqa.report.page import render_page
from odqa.testing.synthetic import synthetic_comparison


@pytest.fixture(scope="session")
def whole_nq(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report as large as that of the whole NQ-open test set.

    Pipelines that share no passage are the worst case: the budget has to hold. Explanations come
    on top, with a budget of their own.
    """
    path = tmp_path_factory.mktemp("whole-nq") / "report.html"
    page = render_page(synthetic_comparison(3610, 4, depth=10, shared=1, explained=500))
    path.write_text(page, encoding="utf-8")
    return path
