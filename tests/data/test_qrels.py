from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odqa.data.qrels import read_qrels, write_qrels
from odqa.errors import DataError

IDS = st.text(st.characters(codec="utf-8", exclude_categories=("Z", "C")), min_size=1, max_size=8)


def write(folder: Path, text: str) -> Path:
    path = folder / "some.qrels"
    path.write_text(text, encoding="utf-8")
    return path


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    st.dictionaries(IDS, st.dictionaries(IDS, st.integers(-2, 3), min_size=1), min_size=1).filter(
        lambda qrels: all(key.split() == [key] for key in qrels)
    )
)
def test_round_trip(tmp_path: Path, qrels: dict[str, dict[str, int]]) -> None:
    write_qrels(tmp_path / "a.qrels", qrels)
    assert read_qrels(tmp_path / "a.qrels") == qrels


def test_spaces_tabs_empty_lines_and_windows(tmp_path: Path) -> None:
    path = write(tmp_path, "q1 0 p1 1\r\n\nq1\tQ0\tp2\t0\nq2  0   p1 2")
    assert read_qrels(path) == {"q1": {"p1": 1, "p2": 0}, "q2": {"p1": 2}}


def test_beir_has_three_columns_and_a_header(tmp_path: Path) -> None:
    path = write(tmp_path, "query-id\tcorpus-id\tscore\nq1\tp1\t1\nq2\tp2\t0\n")
    assert read_qrels(path) == {"q1": {"p1": 1}, "q2": {"p2": 0}}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ": the file has no judgements"),
        ("query-id\tcorpus-id\tscore\n", ": the file has no judgements"),
        ("q 0 p 1\nq p 1\n", ":2: 3 columns instead of 4; expected 'question 0 passage relevance'"),
        ("q p 1\n", ":1: 3 columns instead of 4"),
        ("query-id corpus-id score\nq 0 p 1\n", ":2: 4 columns instead of 3"),
        ("q 0 p yes\n", ":1: the relevance 'yes' is not a whole number"),
        ("q 0 p 0.5\n", ":1: the relevance '0.5' is not a whole number"),
        ("q 0 p 1\nq 0 p 0\n", ":2: passage 'p' is judged twice for question 'q'"),
    ],
)
def test_bad_files(tmp_path: Path, text: str, line: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(DataError) as caught:
        read_qrels(path)
    assert str(caught.value).startswith(f"{path}{line}")
