from __future__ import annotations

import json
from pathlib import Path

import pytest

from odqa.cache import Cache
from odqa.errors import DataError
from odqa.rewriters.query_file import QueryFileConfig, QueryFileRewriter
from odqa.testing.toys import QUESTIONS, toy_dataset


def prepared(path: Path, *rows: object) -> QueryFileRewriter:
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    rewriter = QueryFileRewriter(QueryFileConfig(path=str(path)))
    rewriter.prepare(toy_dataset().corpus, Cache(enabled=False))
    return rewriter


def test_texts_are_looked_up_by_id_or_text(tmp_path: Path) -> None:
    rewriter = prepared(
        tmp_path / "queries.jsonl",
        {"question": "Who wrote Hamlet?", "queries": ["author of Hamlet"]},
        {"id": "q2", "queries": ["Thames", "London water"]},
        {"id": "q1", "question": QUESTIONS[0].text, "queries": ["Paris"]},
    )
    assert rewriter.rewrite([question.query for question in QUESTIONS]) == [
        ["Paris"],
        ["Thames", "London water"],
        ["author of Hamlet"],
    ]
    assert rewriter.describe() == {"queries": str(tmp_path / "queries.jsonl"), "questions": "3"}


def test_a_question_without_texts_is_no_rewritten_one(tmp_path: Path) -> None:
    rewriter = prepared(tmp_path / "queries.jsonl", {"id": "q1", "queries": ["Paris"]})
    with pytest.raises(DataError) as caught:
        rewriter.rewrite(QUESTIONS)
    assert str(caught.value) == (
        f"{tmp_path}/queries.jsonl: has nothing for question 'q2'; give every question a line"
    )


def test_the_file_counts_by_its_content(tmp_path: Path) -> None:
    path, other = tmp_path / "queries.jsonl", tmp_path / "other.jsonl"

    def identity(of: Path, **parameters: str) -> object:
        return QueryFileConfig(path=str(of), **parameters).identity()

    missing = identity(path)
    path.write_text("one", encoding="utf-8")
    other.write_text("one", encoding="utf-8")
    before = identity(path)
    assert missing != before == identity(other) != identity(path, by="rank")
    path.write_text("two", encoding="utf-8")
    assert identity(path) != before
