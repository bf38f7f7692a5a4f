from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from odqa.comparison.result import Comparison
from odqa.comparison.verdict import SMALL_MODELS, verdict
from odqa.errors import RunError
from odqa.report.page import render_page
from odqa.report.terminal.render import render
from odqa.report.write import write_report
from odqa.testing.synthetic import synthetic_comparison


class Outline(HTMLParser):
    """Tags with their attributes, and the text inside every script."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.texts: list[str] = []
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts.append(data)
        elif self._inside != "style":
            self.texts.append(data)


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return synthetic_comparison(12)


@pytest.fixture(scope="module")
def page(comparison: Comparison) -> str:
    return render_page(comparison)


@pytest.fixture(scope="module")
def outline(page: str) -> Outline:
    return Outline(page)


def test_nothing_is_loaded_from_anywhere(page: str, outline: Outline) -> None:
    for tag, attributes in outline.tags:
        assert "src" not in attributes
        assert tag != "link"
        assert (attributes.get("href") or "#").startswith("#")
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest", page)
    policy = next(a["content"] for t, a in outline.tags if a.get("http-equiv"))
    assert policy is not None and policy.startswith("default-src 'none'")


def test_passages_cannot_break_out(outline: Outline) -> None:
    # Two scripts: the data and the program. A third would be one that a passage smuggled in.
    assert len(outline.scripts) == 2
    data = json.loads(outline.scripts[0])
    assert data["questions"][0][1].startswith("which river is number 0? </script>")


def test_names_are_escaped(comparison: Comparison) -> None:
    page = render_page(replace(comparison, name="<img src=x onerror=alert(1)>"))
    assert "<img" not in page and "&lt;img src=x" in page


def test_verdict_notices_and_small_models_are_said(
    comparison: Comparison, outline: Outline
) -> None:
    text = " ".join(" ".join(outline.texts).split())
    assert " ".join(verdict(comparison).split()) in text
    assert "some/q and some/p are CC BY-NC 4.0" in text
    assert text.count(SMALL_MODELS) == 2  # under the verdict, and in the footer


def test_every_table_and_figure_is_there(outline: Outline) -> None:
    tables = [a["id"] for tag, a in outline.tags if tag == "table"]
    assert tables == [
        *(
            "quality",
            "tests",
            "pairs",
            "specs",
            "metrics",
            "offline",
            "online",
            "stages",
            "changes",
            "map",
        ),
    ]
    figures = [a["aria-label"] or "" for tag, a in outline.tags if tag == "svg"]
    assert len(figures) == 5 + 2 + 1 + 1
    assert any("Map of paradigms" in label for label in figures)
    assert any(label.startswith("What became of the questions") for label in figures)


def test_headings_and_controls_have_names(outline: Outline) -> None:
    ids = {a["id"] for _, a in outline.tags if a.get("id")}
    assert all(a["aria-labelledby"] in ids for _, a in outline.tags if "aria-labelledby" in a)
    assert ("html", {"lang": "en"}) in outline.tags
    for tag, attributes in outline.tags:
        if attributes.get("href", "#") != "#" and "=" not in (attributes["href"] or ""):
            assert (attributes["href"] or "")[1:] in ids, tag


def test_without_readers_or_gold_the_page_still_opens(comparison: Comparison) -> None:
    pipelines = {
        name: replace(result, answers=None, latency=None)
        for name, result in comparison.pipelines.items()
    }
    rows = tuple(row for row in comparison.rows if row.metric == "ranked_mrr@10")
    outline = Outline(render_page(replace(comparison, pipelines=pipelines, rows=rows, qrels=None)))
    assert "changes" not in [a.get("id") for tag, a in outline.tags if tag == "table"]
    page = render_page(replace(comparison, pipelines=pipelines, rows=(), qrels=None, manifest={}))
    assert "Nothing could be scored" in page


def test_a_single_pipeline_has_no_tests_to_show() -> None:
    outline = Outline(render_page(synthetic_comparison(5, 1)))
    assert "tests" not in [a.get("id") for tag, a in outline.tags if tag == "table"]


def test_report_and_tables_are_written(comparison: Comparison, tmp_path: Path) -> None:
    report = write_report(comparison, tmp_path / "run")
    assert report == tmp_path / "run" / "report.html"
    names = sorted(path.name for path in report.parent.iterdir())
    assert names == ["figures", "report.html", "table.md", "table.tex", "table.txt"]
    assert (report.parent / "table.txt").read_text() == render(comparison) + "\n"
    figures = {path.name for path in (report.parent / "figures").iterdir()}
    assert {"losses-by-stage.svg", "quality-em.png", "quality-vs-storage.pdf"} <= figures
    assert len(figures) == 3 * (5 + 2 + 1 + 1)


def test_a_folder_that_cannot_be_written_is_one_line(
    comparison: Comparison, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"cannot be written.*choose another --out"):
        write_report(comparison, tmp_path / "file" / "run")


@pytest.mark.slow
def test_all_of_nq_test_stays_under_40_megabytes(whole_nq: Path) -> None:
    assert 10e6 < whole_nq.stat().st_size < 40e6


def test_the_page_has_a_table_of_every_stage(composed: Comparison, page: str) -> None:
    text = render_page(composed)
    for words in ("Every stage by itself", "Questions lost by each stage", "narrow + blind"):
        assert words in text
    # Folders of before know the slots alone.
    assert "Every stage by itself" not in page
