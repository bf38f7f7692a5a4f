"""The report in a real browser: headless Chromium, where there is one."""

from __future__ import annotations

import re
from dataclasses import replace
from html import escape
from pathlib import Path

import pytest

from odqa.comparison.result import Comparison
from odqa.explanation import Explanation, Piece
from odqa.report.page import render_page
from odqa.testing.browser import CHROMIUM, dump_dom
from odqa.testing.synthetic import synthetic_comparison
from odqa.types import Hit

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")

#: Scripts run on in the page's own time, and what they say is logged.
_FLAGS = ("--enable-logging=stderr", "--v=0", "--virtual-time-budget=5000")

EXPLAINED = synthetic_comparison(60, 5, explained=20)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_page(synthetic_comparison(120), tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five pipelines, two of them ColBERT's and one RETRO's, 20 questions of 60 explained."""
    return write_page(EXPLAINED, tmp_path_factory.mktemp("explained"))


def write_page(comparison: Comparison, folder: Path) -> Path:
    report = folder / "report.html"
    report.write_text(render_page(comparison), encoding="utf-8")
    return report


def open_page(report: Path, profile: Path, fragment: str = "") -> str:
    """The page as it stands after its scripts ran; console errors fail the test."""
    assert CHROMIUM is not None
    result = dump_dom(CHROMIUM, f"{report.as_uri()}{fragment}", profile, *_FLAGS)
    messages = [line for line in result.stderr.splitlines() if "CONSOLE" in line]
    assert messages == []
    assert 'data-ready="yes"' in result.stdout
    # The data stands in the page too; only what is rendered counts here.
    return re.sub(
        r'<script type="application/json".*?</script>', "", result.stdout, flags=re.DOTALL
    )


def listed_questions(page: str) -> int:
    return page.count('class="question"')


def test_opens_with_the_first_page_of_questions(report: Path, tmp_path: Path) -> None:
    page = open_page(report, tmp_path)
    assert listed_questions(page) == 50
    assert "120 questions" in page and "page 1 of 3" in page
    assert 'class="question-view"' not in page  # passages are rendered when asked for


def test_shows_a_question_with_marked_answers(report: Path, tmp_path: Path) -> None:
    page = open_page(report, tmp_path, "#q=syn-0077")
    assert "page 2 of 3" in page and page.count('class="question-view"') == 1
    assert page.count('class="column"') == 4
    assert re.search(r"<mark[^>]*>answer77</mark>", page)
    assert "holds an answer" in page and "(was " in page and "5 more passages" in page


def test_what_passages_contain_stays_text(report: Path, tmp_path: Path) -> None:
    page = open_page(report, tmp_path, "#q=syn-0000")
    assert "&lt;/script&gt;&lt;script&gt;alert(1)" in page
    assert "😀" in page


def test_filters_by_text_outcome_and_disagreement(report: Path, tmp_path: Path) -> None:
    page = open_page(report, tmp_path, "#text=number%2077")
    assert listed_questions(page) == 1 and "1 of 120 questions" in page
    comparison = synthetic_comparison(120)
    ours, theirs = (comparison.values(name, "em") for name in ("dpr-colbert", "bm25"))
    decided = sum(ours[key] == 1 and theirs[key] == 0 for key in ours)
    page = open_page(report, tmp_path, "#right=dpr-colbert&wrong=bm25")
    assert f"{decided} of 120 questions" in page
    page = open_page(report, tmp_path, "#pipeline=dpr-colbert&outcome=ranker%20drop")
    lost = page.count("dpr-colbert: ranker drop")
    assert lost == listed_questions(page) > 0


def test_tables_sort(report: Path, tmp_path: Path) -> None:
    comparison = synthetic_comparison(120)
    means = {n: comparison.summaries[n, "f1"].mean for n in comparison.pipelines}
    page = open_page(report, tmp_path, "#sort=quality:f1:desc")
    table = page.split('<table id="quality"')[1].split("</table>")[0]
    names = re.findall(r'<th scope="row"[^>]*>([\w-]+)', table)
    assert names == sorted(means, key=lambda name: -means[name])
    assert 'aria-sort="descending"' in table


def test_explanations_wait_under_their_passages(explained: Path, tmp_path: Path) -> None:
    page = open_page(explained, tmp_path, "#q=syn-0003")
    # Two pipelines of ColBERT and one of RETRO, three passages each.
    assert page.count('<details class="explanation">') == 9
    assert page.count("<summary>Token alignment</summary>") == 6
    assert [f"Attention {share} %" in page for share in (50, 38, 13)] == [True] * 3
    assert 'style="width: 37.5%;"' in page  # the bar
    assert "<ruby" not in page  # built when opened
    assert 'aria-pressed="false">Show what the rankers saw<' in page


def test_question_tokens_stand_over_the_tokens_they_chose(explained: Path, tmp_path: Path) -> None:
    page = open_page(explained, tmp_path, "#q=syn-0003&seen=1")
    assert page.count('<details class="explanation" open="">') == 9
    html = page.split('class="explanation" open=""')[1].split("</details>")[0]
    explanation = EXPLAINED.result("sbert-colbert").explanations["syn-0003"][0]
    passage_text = EXPLAINED.passages[explanation.passage_id].full_text
    tokens = re.findall(r'class="token"[^>]*>(.*?) → (.*?) <b>(.*?)</b>', html)
    matches = [match for match in explanation.matches if not match.token.startswith("[")]
    assert len(tokens) == len(matches) == len(EXPLAINED.questions[3].text.split())
    for (token, text, score), match in zip(tokens, matches, strict=True):
        piece = explanation.pieces[match.piece]
        assert token == match.token and float(score) == pytest.approx(match.score, abs=0.006)
        assert text == (passage_text[piece.start : piece.end] or "a marker")
        if piece.end > piece.start:
            over = re.search(
                rf'<ruby[^>]*data-piece="{match.piece}"><mark[^>]*>(.*?)</mark><rt>(.*?)</rt>',
                html,
            )
            assert over is not None and over[1] == text and token in over[2].split()
    total = sum(match.score for match in explanation.matches)
    assert f"sum of similarities {total:.2f}" in html and "by 4 markers and fillers" in html
    # The whole passage is there, word for word.
    plain = re.sub(r"<rt>.*?</rt>|<[^>]+>", "", html.split('class="pieces">')[1].split("</p>")[0])
    assert plain == passage_text.strip()


def test_attention_is_shaded_and_its_heaviest_words_are_named(
    explained: Path, tmp_path: Path
) -> None:
    page = open_page(explained, tmp_path, "#q=syn-0003&seen=1")
    explanation = EXPLAINED.result("sbert-retro").explanations["syn-0003"][0]
    html = page.split("Attention 50 %")[1].split("</details>")[0]
    passage_text = EXPLAINED.passages[explanation.passage_id].full_text
    deepest = max(explanation.pieces, key=lambda piece: piece.weight)
    (word,) = re.findall(r'--strength: 100%;"[^>]*>(.*?)</mark>', html)
    assert word == passage_text[deepest.start : deepest.end]
    sums: dict[str, float] = {}
    for piece in explanation.pieces:
        words = passage_text[piece.start : piece.end]
        sums[words] = sums.get(words, 0) + piece.weight
    first, _, third, *_ = sorted(sums, key=lambda words: -sums[words])
    summary = html.split("most on: ")[1]
    assert summary.startswith(first) and third in summary


def test_offsets_hold_where_a_character_is_two_for_javascript(
    explained: Path, tmp_path: Path
) -> None:
    # Question 0's relevant passage has an emoji before its answer; an explanation of it is sure.
    passage = EXPLAINED.passages["0-all-0"]
    spans = [m.span() for m in re.finditer(r"\S+", passage.full_text)]
    pieces = tuple(Piece(*span, 0.01) for span in spans)
    explanation = Explanation(passage.id, "attention", pieces, share=1.0)
    result = EXPLAINED.result("sbert-retro")
    best = [Hit(passage.id, 9.0), *result.ranked["syn-0000"][:2]]
    changed = replace(
        result,
        ranked={**result.ranked, "syn-0000": list({h.passage_id: h for h in best}.values())},
        explanations={"syn-0000": (explanation,)},
    )
    comparison = replace(EXPLAINED, pipelines={**EXPLAINED.pipelines, "sbert-retro": changed})
    page = open_page(write_page(comparison, tmp_path), tmp_path / "profile", "#q=syn-0000&seen=1")
    html = page.split("Attention 100 %")[1].split("</details>")[0]
    marks = re.findall(r"<mark[^>]*>(.*?)</mark>", html)
    words = [escape(word, quote=False) for word in passage.full_text.split()]
    assert "".join(marks) == "".join(words) and "😀" in marks
    assert '<mark class="shaded accepted"' in html


def test_filters_what_is_explained(explained: Path, tmp_path: Path) -> None:
    page = open_page(explained, tmp_path, "#explained=yes")
    assert listed_questions(page) == 20 and "20 of 60 questions" in page
    assert "For 20 questions the best passages show what the ranker saw" in page


def test_without_explanations_nothing_speaks_of_them(report: Path, tmp_path: Path) -> None:
    page = open_page(report, tmp_path, "#q=syn-0003&seen=1")
    body = page.split("<body>")[1].split("<script>")[0]
    assert "what the ranker" not in body and 'class="explanation"' not in body
    assert '<label hidden="">Explained' in body


@pytest.mark.slow
def test_all_of_nq_test_opens_and_shows_a_question(whole_nq: Path, tmp_path: Path) -> None:
    page = open_page(whole_nq, tmp_path, "#q=syn-0499&seen=1")
    assert "3610 questions" in page and "page 10 of 73" in page
    assert page.count("<ruby") > 6
