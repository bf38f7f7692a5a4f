from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odqa.data.dpr_tsv import numbered_passages, read_passages, write_passages
from odqa.errors import DataError
from odqa.types import Passage

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=30)
PASSAGES = st.lists(
    st.builds(Passage, id=st.text("abc123-", min_size=1), text=TEXT, title=TEXT).filter(
        lambda p: bool(p.text.strip())
    ),
    max_size=5,
)


def write(folder: Path, text: str) -> Path:
    path = folder / "psgs.tsv"
    path.write_text(text, encoding="utf-8", newline="")
    return path


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(PASSAGES)
def test_round_trip(tmp_path: Path, passages: list[Passage]) -> None:
    path = tmp_path / "a.tsv"
    write_passages(path, passages)
    assert list(read_passages(path)) == passages


def test_dpr_quoting(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "id\ttext\ttitle\n"
        '1\t"Aaron ( or ; ""Ahärôn"") is a prophet"\tAaron\n'
        '2\tno quotes, one " inside\t"""Heroes"""\r\n'
        '\n3\t"two\nlines"\t\n',
    )
    expected = [
        Passage("1", 'Aaron ( or ; "Ahärôn") is a prophet', "Aaron"),
        Passage("2", 'no quotes, one " inside', '"Heroes"'),
        Passage("3", "two\nlines", ""),
    ]
    assert list(read_passages(path)) == expected
    assert [line for line, _ in numbered_passages(path)] == [2, 3, 6]
    # DPR itself reads its file this way.
    with path.open(encoding="utf-8", newline="") as file:
        dpr_rows = [row for row in csv.reader(file, delimiter="\t") if row and row[0] != "id"]
    assert [[p.id, p.text, p.title] for p in expected] == dpr_rows


def test_header_may_be_absent(tmp_path: Path) -> None:
    assert list(read_passages(write(tmp_path, "1\ttext\ttitle\n"))) == [
        Passage("1", "text", "title")
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "id\ttext\ttitle\n1\tonly text\n",
            ":2: expected id, text and title parted by tabs, found 2",
        ),
        (
            "id\ttext\ttitle\n1\ta\tb\tc\n",
            ":2: expected id, text and title parted by tabs, found 4",
        ),
        (
            "id\ttitle\ttext\n1\ta\tb\n",
            ":1: the header is id, title, text; expected id, text, title",
        ),
        ("id,text,title\n1,a,b\n", ":1: expected id, text and title parted by tabs, found 1"),
        ("id\ttext\ttitle\n\ttext\ttitle\n", ":2: the passage has no id"),
        ("id\ttext\ttitle\n1\t \ttitle\n", ":2: the passage has no text"),
        # Read leniently, this row would swallow the passage below it without a word.
        ('id\ttext\ttitle\n1\t"open\tA\n2\t"next"\tB\n', ":2: a quote opened here does not end"),
        ('1\ta\tA\n2\t"open\tB\n3\tc\tC\n', ":2: a quote opened here does not end"),
    ],
)
def test_bad_rows(tmp_path: Path, text: str, line: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(DataError) as caught:
        list(read_passages(path))
    assert str(caught.value).startswith(f"{path}{line}")
