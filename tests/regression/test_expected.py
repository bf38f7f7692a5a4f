from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from odqa.comparison.result import Comparison
from odqa.errors import RunError, SpecErrors
from odqa.regression.expected import changed_specs, check, expect, expected_file, read_expected
from odqa.regression.expected_text import render_expected, write_expected
from odqa.testing.synthetic import synthetic_comparison

GOOD = """\
benchmark: synthetic
data: {digest}
questions: 20
scores:
  bm25:
    em: {{value: 0.4, low: 0.35, high: 0.45}}
"""


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return synthetic_comparison(20)


def with_em(comparison: Comparison, pipeline: str, wrong: int) -> Comparison:
    """The same comparison with ``wrong`` right answers of a pipeline turned wrong."""
    rows = list(comparison.rows)
    for position, row in enumerate(rows):
        if wrong and (row.pipeline, row.metric, row.value) == (pipeline, "em", 1.0):
            rows[position] = replace(row, value=0.0)
            wrong -= 1
    assert not wrong
    return replace(comparison, rows=tuple(rows))


def written(comparison: Comparison, path: Path, allow: int | str) -> Path:
    write_expected(path, render_expected(expect(comparison, allow), allow, "0.1.0 (abc)"))
    return path


@pytest.mark.parametrize("allow", [0, 2, "bootstrap"])
def test_a_run_is_what_was_written_from_it(
    comparison: Comparison, tmp_path: Path, allow: int | str
) -> None:
    expected = read_expected(written(comparison, tmp_path / "x.yaml", allow))
    assert expected == expect(comparison, allow)
    assert check(expected, comparison) == [] and changed_specs(expected, comparison) == []
    assert not list(tmp_path.glob("*.tmp"))


def test_as_many_questions_may_come_out_otherwise_as_said(comparison: Comparison) -> None:
    expected = expect(comparison, 2)
    # 8 of 20 questions are right: two of them are 0.1.
    assert expected.scores["bm25"]["em"].model_dump() == {"value": 0.4, "low": 0.3, "high": 0.5}
    assert check(expected, with_em(comparison, "bm25", 2)) == []
    (moved,) = check(expected, with_em(comparison, "bm25", 3))
    assert str(moved) == "bm25 em: 0.2500, expected 0.4000 [0.3000, 0.5000], moved by -0.1500"


def test_bootstrap_intervals_are_those_of_the_table(comparison: Comparison) -> None:
    score = expect(comparison, "bootstrap").scores["bm25"]["em"]
    interval = comparison.summaries["bm25", "em"].interval
    assert (score.low, score.high) == pytest.approx(tuple(interval), abs=2e-6)


def test_a_score_that_is_missing_has_moved(comparison: Comparison) -> None:
    expected = expect(comparison, 2)
    fewer = [row for row in comparison.rows if row.metric != "em" or row.pipeline != "bm25"]
    (moved,) = check(expected, replace(comparison, rows=tuple(fewer)))
    assert str(moved) == "bm25 em: not measured, expected 0.4000 [0.3000, 0.5000]"


def test_another_spec_is_noticed(comparison: Comparison) -> None:
    expected = expect(comparison, 2)
    changed = expected.model_copy(update={"specs": {"bm25": "0" * 16, "gone": "1" * 16}})
    assert changed_specs(changed, comparison) == ["bm25"]


def test_other_data_cannot_be_checked(comparison: Comparison) -> None:
    expected = expect(comparison, 2).model_copy(update={"data": "0" * 32})
    with pytest.raises(RunError, match=r"its data .* are not those of the expected scores"):
        check(expected, comparison)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("value: 0.4", "value: 0.5", "6: scores.bm25.em: low, value and high do not rise"),
        ("value: 0.4", "value: x", "6: scores.bm25.em.value: expected a number, got 'x'"),
        ("value: 0.4, ", "", "6: scores.bm25.em.value: this key is missing"),
        ("high:", "hihg:", "6: scores.bm25.em.hihg: unknown key 'hihg'; did you mean 'high'?"),
        ("questions: 20", "questions: 0", "3: questions: "),
        ("benchmark:", "bench:", "1: bench: unknown key 'bench'; did you mean 'benchmark'?"),
        ("scores:", "scores: 1\nx:", "4: scores: "),
    ],
)
def test_a_wrong_file_is_told_by_line(tmp_path: Path, old: str, new: str, line: str) -> None:
    file = tmp_path / "bad.expected.yaml"
    file.write_text(GOOD.format(digest="ab").replace(old, new))
    with pytest.raises(SpecErrors) as caught:
        read_expected(file)
    assert f"{file}:{line}" in str(caught.value)


def test_the_file_stands_beside_its_benchmark() -> None:
    assert expected_file(Path("eval/nq.yaml")) == Path("eval/nq.expected.yaml")


def test_shipped_files_can_be_read_and_stand_beside_a_benchmark() -> None:
    files = sorted((Path(__file__).resolve().parents[2] / "eval").glob("*.expected.yaml"))
    assert files
    for file in files:
        assert read_expected(file)
        assert file.with_name(file.name.replace(".expected", "")).is_file()
