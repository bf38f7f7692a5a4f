"""Texts that attack a browser, LaTeX, Markdown or a terminal, in every field that a run holds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt

from odqa.comparison.folder import save
from odqa.comparison.result import Comparison
from odqa.report.write import write_report
from odqa.testing.synthetic import synthetic_comparison

HOSTILE = (
    "</script><script>window.PWN=1</script><img src=x onerror='window.PWN=2'><svg/onload=PWN()>\"'"
    "><!-- [x](javascript:alert(1)) `a` | b\x1b[2J\x9b31m\x07\u202e\u2028\n\\input{/etc/passwd}\n"
    "\\immediate\\write18{touch x}\r^^5cinput %\n=cmd|' /C calc'!A0"
)
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def poison(value: Any) -> Any:
    """The same shape with the hostile text in every text."""
    if isinstance(value, Mapping):
        return {key: poison(inner) for key, inner in value.items()}
    return HOSTILE if isinstance(value, str) else value


@pytest.fixture(scope="module")
def hostile() -> Comparison:
    comparison = synthetic_comparison(3, 2, explained=2)
    manifest = poison(comparison.manifest) | {"started": "2025-01-02T03:04:05+00:00"}
    factors = [{"key": HOSTILE, "levels": [HOSTILE, "b"]}, {"key": "x", "levels": [HOSTILE]}]
    points = dict(zip(comparison.pipelines, ([HOSTILE, HOSTILE], ["b", HOSTILE]), strict=True))
    manifest["grid"] = {"factors": factors, "pipelines": points}
    return replace(
        comparison,
        name=HOSTILE,
        questions=tuple(replace(q, text=HOSTILE, answers=(HOSTILE,)) for q in comparison.questions),
        passages={
            key: replace(passage, title=HOSTILE, text=HOSTILE * 9)
            for key, passage in comparison.passages.items()
        },
        manifest=manifest,
        pipelines={
            name: replace(
                result,
                spec=replace(result.spec, description=HOSTILE, notices=(HOSTILE, "=1+1")),
                answers={
                    key: replace(answer, text=HOSTILE)
                    for key, answer in (result.answers or {}).items()
                },
                costs=tuple(
                    replace(cost, stored={HOSTILE: 5}, facts={"device": HOSTILE})
                    for cost in result.costs
                ),
            )
            for name, result in comparison.pipelines.items()
        },
    )


@pytest.fixture(scope="module")
def folder(hostile: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("hostile") / "run"
    save(hostile, out)
    write_report(Comparison.load(out), out)
    return out


class Elements(HTMLParser):
    """The elements and attributes that a browser would see."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.links: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.handlers += [key for key, _ in attrs if key.startswith("on")]
        self.links += [value or "" for key, value in attrs if key in ("href", "src")]


def test_pages_and_notebooks_hold_no_foreign_element(hostile: Comparison, folder: Path) -> None:
    question = hostile.questions[0].id
    pages = {
        "report": (folder / "report.html").read_text(encoding="utf-8"),
        "comparison": hostile._repr_html_(),
        "trace": hostile.trace(question)._repr_html_(),
        "spec": hostile.result("bm25").spec._repr_html_(),
        "diff": hostile.diff("bm25", "sbert-colbert", "f1").to_html(),
    }
    for name, page in pages.items():
        elements = Elements(page)
        assert elements.handlers == [], name
        assert not {"img", "iframe", "object", "base"} & set(elements.tags), name
        # The report's own two: its data and its program.
        assert elements.tags.count("script") == (2 if name == "report" else 0), name
        assert all(link.startswith("#") for link in elements.links), name


def test_the_data_of_the_page_cannot_end_their_element(folder: Path) -> None:
    page = (folder / "report.html").read_text(encoding="utf-8")
    data = re.findall(r"<script[^>]*>(.*?)</script>", page, re.DOTALL)
    assert any("window.PWN" in part for part in data)
    assert all("<" not in part for part in data if "window.PWN" in part)


def test_figures_are_xml_without_programs(folder: Path) -> None:
    figures = list((folder / "figures").glob("*.svg"))
    assert figures
    for figure in figures:
        tags = {element.tag.rpartition("}")[2] for element in ElementTree.parse(figure).iter()}
        assert not tags & {"script", "foreignObject", "a", "image", "use"}


def test_latex_has_no_foreign_command(folder: Path) -> None:
    text = (folder / "table.tex").read_text(encoding="utf-8")
    assert "textbackslash{}input" in text  # it is there, as text
    commands = {command for line in text.splitlines() for command in re.findall(r"\\[a-z]+", line)}
    assert commands <= {
        *(r"\providecommand", r"\hline", r"\begin", r"\end", r"\centering", r"\caption"),
        *(r"\label", r"\toprule", r"\textbf", r"\textsuperscript"),
        *(r"\midrule", r"\bottomrule", r"\scriptsize", r"\ldots", r"\char", r"\textbackslash"),
        *(r"\textless", r"\textgreater", r"\textbar", r"\textasciitilde", r"\textasciicircum"),
    }
    assert not STEERING.search(text)


def test_markdown_has_no_foreign_element(folder: Path) -> None:
    text = (folder / "table.md").read_text(encoding="utf-8")
    tags = set(Elements(MarkdownIt("commonmark").enable("table").render(text)).tags)
    # The best figures are in bold.
    assert tags - {"strong"} == {"p", "table", "thead", "tbody", "tr", "th", "td", "blockquote"}
    assert not STEERING.search(text)


def test_no_text_for_a_terminal_steers_it(hostile: Comparison, folder: Path) -> None:
    question = hostile.questions[0].id
    texts = [(folder / "table.txt").read_text(encoding="utf-8"), str(hostile), repr(hostile)]
    texts += [str(hostile.trace(question)), hostile.result("bm25").spec.tree()]
    for text in texts:
        assert not STEERING.search(text)
    assert r"\x1b[2J" in texts[0]
