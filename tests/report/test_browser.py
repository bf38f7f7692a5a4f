"""The report in a real browser: headless Chromium, where there is one."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from odqa.report.write import write_report
from odqa.testing.synthetic import synthetic_comparison

_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((path for path in map(shutil.which, _NAMES) if path), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")

_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
    *("--enable-logging=stderr", "--v=0", "--virtual-time-budget=5000", "--dump-dom"),
)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(synthetic_comparison(120), tmp_path_factory.mktemp("report"))


def opened(report: Path, profile: Path, fragment: str = "") -> str:
    """The page as it stands after its scripts ran; console errors fail the test."""
    done = subprocess.run(
        [str(CHROMIUM), *_FLAGS, f"--user-data-dir={profile}", f"{report.as_uri()}{fragment}"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=True,
    )
    said = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert said == []
    assert 'data-ready="yes"' in done.stdout
    # The data stands in the page too; only what is rendered counts here.
    return re.sub(r'<script type="application/json".*?</script>', "", done.stdout, flags=re.DOTALL)


def listed(page: str) -> int:
    return page.count('class="asked"')


def test_opens_with_the_first_page_of_questions(report: Path, tmp_path: Path) -> None:
    page = opened(report, tmp_path)
    assert listed(page) == 50
    assert "120 questions" in page and "page 1 of 3" in page
    assert 'class="shown"' not in page  # passages are rendered when asked for


def test_shows_a_question_with_marked_answers(report: Path, tmp_path: Path) -> None:
    page = opened(report, tmp_path, "#q=syn-0077")
    assert "page 2 of 3" in page and page.count('class="shown"') == 1
    assert page.count('class="column"') == 4
    assert re.search(r"<mark[^>]*>answer77</mark>", page)
    assert "holds an answer" in page and "(was " in page and "5 more passages" in page


def test_what_passages_contain_stays_text(report: Path, tmp_path: Path) -> None:
    page = opened(report, tmp_path, "#q=syn-0000")
    assert "&lt;/script&gt;&lt;script&gt;alert(1)" in page
    assert "😀" in page


def test_filters_by_text_outcome_and_disagreement(report: Path, tmp_path: Path) -> None:
    page = opened(report, tmp_path, "#text=number%2077")
    assert listed(page) == 1 and "1 of 120 questions" in page
    comparison = synthetic_comparison(120)
    ours, theirs = (comparison.values(name, "em") for name in ("dpr-colbert", "bm25"))
    decided = sum(ours[key] == 1 and theirs[key] == 0 for key in ours)
    page = opened(report, tmp_path, "#right=dpr-colbert&wrong=bm25")
    assert f"{decided} of 120 questions" in page
    page = opened(report, tmp_path, "#pipeline=dpr-colbert&outcome=ranker%20drop")
    lost = page.count("dpr-colbert: ranker drop")
    assert lost == listed(page) > 0


def test_tables_sort(report: Path, tmp_path: Path) -> None:
    comparison = synthetic_comparison(120)
    means = {n: comparison.summaries[n, "f1"].mean for n in comparison.pipelines}
    page = opened(report, tmp_path, "#sort=quality:f1:desc")
    table = page.split('<table id="quality"')[1].split("</table>")[0]
    names = re.findall(r'<th scope="row"[^>]*>([\w-]+)', table)
    assert names == sorted(means, key=lambda name: -means[name])
    assert 'aria-sort="descending"' in table
