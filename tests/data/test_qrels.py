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
    "text",
    [
        "q1 p1 1\nq2 p2 0\n",
        "query_id\tdoc_id\trelevance\nq1\tp1\t1\nq2\tp2\t0\n",
        "qid iter docid rel\nq1 0 p1 1\nq2 0 p2 0\n",
        "q1 0 p1 1.0\nq2 0 p2 0.\n",
        "query-id corpus-id score\nq1 p1 1\nq2 p2 0\nq1 p1 1.0\n",
        "\ufefftopic\tdoc\tgain\nq1\tp1\t+1\nq2\tp2\t0\n",
    ],
)
def test_the_shape_says_what_the_columns_are(tmp_path: Path, text: str) -> None:
    assert read_qrels(write(tmp_path, text)) == {"q1": {"p1": 1}, "q2": {"p2": 0}}


def test_repeated_judgements_count_once_with_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path, "q 0 p 1\nq 0 r 0\nq 0 p 1\nq 0 r 0.0\nq 0 p 1\n")
    assert read_qrels(path) == {"q": {"p": 1, "r": 0}}
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}: 3 judgements are given again, the first at {path}:3; each counts once"
    ]


def test_a_header_of_unknown_words_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path, "topic doc gain\nq1 p1 1\n")
    assert read_qrels(path) == {"q1": {"p1": 1}}
    assert caplog.messages == [f"{path}:1: 'topic doc gain' is read as a header"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ": the file has no judgements"),
        ("query-id\tcorpus-id\tscore\n", ": the file has no judgements"),
        ("q 0 p 1\nq p 1\n", ":2: 3 columns instead of 4; expected 'question 0 passage relevance'"),
        ("q p\n", ":1: 2 columns instead of 4"),
        ("q p 1\nq 0 p2 1\n", ":2: 4 columns instead of 3; expected 'query-id corpus-id score'"),
        ("q1 p1 high\n", ":1: the relevance 'high' is not a whole number"),
        ("q 0 p 1_0\n", ":1: the relevance '1_0' is not a whole number"),
        # trec_eval has 32 bits: the passage would count as not relevant.
        ("q 0 p 2147483647\n", ":1: the relevance '2147483647' is not between"),
        (f"q 0 p -{'9' * 5000}\n", ":1: the relevance '-99"),
        ("q 0 p\x00x 1\n", r":1: the passage id 'p\x00x' has a control character"),
        ("q\x1b[2J 0 p 1\n", r":1: the question id 'q\x1b[2J' has a control character"),
        ("q p 1\nq p 2.0\n", ":2: passage 'p' is judged twice for question 'q', as 1 and as 2"),
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
