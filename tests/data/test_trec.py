from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odqa.data.trec import read_run, write_run
from odqa.errors import DataError
from odqa.types import Hit

IDS = st.text("abcXYZ019-:_./é漢", min_size=1, max_size=8)
SCORES = st.floats(allow_nan=False, allow_infinity=False)
HITS = st.dictionaries(IDS, SCORES, min_size=1).map(
    lambda scores: sorted((Hit(i, s) for i, s in scores.items()), key=lambda hit: -hit.score)
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.dictionaries(IDS, HITS))
def test_round_trip_keeps_every_digit_and_the_order_of_ties(
    tmp_path: Path, run: dict[str, list[Hit]]
) -> None:
    write_run(tmp_path / "a.trec", run, tag="some run")
    assert read_run(tmp_path / "a.trec") == run


def test_written_form(tmp_path: Path) -> None:
    write_run(tmp_path / "a.trec", {"q": [Hit("p", 2), Hit("o", 0.1)], "none": []}, tag="my tag")
    text = (tmp_path / "a.trec").read_text()
    assert text == "q Q0 p 1 2.0 my-tag\nq Q0 o 2 0.1 my-tag\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a.trec"]


def test_score_decides_then_rank(tmp_path: Path) -> None:
    path = tmp_path / "a.trec"
    path.write_text("q Q0 c 3 1.0 t\nq Q0 b 2 1.0 t\n\nq\tQ0\ta\t9\t1e1\tt\n")
    assert read_run(path) == {"q": [Hit("a", 10.0), Hit("b", 1.0), Hit("c", 1.0)]}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("q Q0 p 1 2.0\n", ":1: 5 columns instead of 6; expected 'question Q0 passage rank score"),
        ("q Q0 p 1 2.0 t\nq Q0 p 2 1.0 t\n", ":2: passage 'p' occurs twice for question 'q'"),
        ("q Q0 p 1 nan t\n", ":1: 'nan' is not a finite number"),
        ("q Q0 p 1 high t\n", ":1: 'high' is not a finite number"),
        ("q Q0 p first 1 t\n", ":1: 'first' is not a finite number"),
    ],
)
def test_bad_files(tmp_path: Path, text: str, line: str) -> None:
    path = tmp_path / "a.trec"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        read_run(path)
    assert str(caught.value).startswith(f"{path}{line}")


def test_unwritable_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.trec: cannot be written \(No such file"):
        write_run(tmp_path / "absent" / "a.trec", {}, tag="t")
