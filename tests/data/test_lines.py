from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from odqa.data.lines import file_stem, json_objects, text_field, text_lines
from odqa.errors import DataError


def test_plain_and_gzip_lines_keep_their_ends(tmp_path: Path) -> None:
    data = "\ufeffeins\r\nzwei\u2028drei\rvier\nfünf".encode()
    (tmp_path / "a").write_bytes(data)
    (tmp_path / "a.gz").write_bytes(gzip.compress(data))
    expected = ["eins\r\n", "zwei\u2028drei\rvier\n", "fünf"]
    assert list(text_lines(tmp_path / "a")) == expected
    assert list(text_lines(tmp_path / "a.gz")) == expected


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        list(text_lines(path))
    return str(caught.value)


def test_missing_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "passages.tsv.gz").write_bytes(b"")
    line = refusal(tmp_path / "passage.tsv.gz")
    assert "passage.tsv.gz: no such file; did you mean 'passages.tsv.gz'?" in line
    assert refusal(tmp_path / "absent" / "x").endswith("no such file; check the path")


def test_folder_is_no_file(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"{tmp_path}: cannot be read (Is a directory)"


def test_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes("ok\nFrançois\n".encode("latin-1"))
    assert refusal(path) == (
        f"{path}:2: byte 5 of this line (0xe7) is not UTF-8; convert the file to UTF-8"
    )


def test_cut_gzip(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"line\n" * 10)[:-9])
    assert refusal(path).endswith("the gzip file is cut short; copy or download it again")


def test_no_gzip_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(b"plain text\n")
    assert refusal(path) == (f"{path}:1: the gzip file is damaged; copy or download it again")


def test_damaged_gzip(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    data = bytearray(gzip.compress(b"a line of some length\n" * 10))
    data[-8] ^= 0xFF  # the checksum
    path.write_bytes(data)
    assert "the gzip file is damaged" in refusal(path)


def test_json_objects_know_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\n\n{"b": 2}\n')
    assert list(json_objects(path)) == [(f"{path}:1", {"a": 1}), (f"{path}:3", {"b": 2})]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"a": 1}\n{"a": \n', ":2: broken JSON (Expecting value)"),
        ("[1]\n", ":1: expected a JSON object"),
        ("[" * 100_000 + "\n", ":1: broken JSON (maximum recursion depth"),
    ],
)
def test_broken_json_lines(tmp_path: Path, text: str, line: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        list(json_objects(path))
    assert str(caught.value).startswith(f"{path}{line}")


def test_text_field_takes_texts_and_whole_numbers() -> None:
    assert text_field({"id": 7}, "id", "here") == "7"
    assert text_field({"id": " x"}, "id", "here") == " x"


@pytest.mark.parametrize("value", [None, "", "  ", True, 1.5, ["a"]])
def test_text_field_refuses(value: object) -> None:
    with pytest.raises(DataError, match="here: 'id' is missing, empty or no text"):
        text_field({"id": value}, "id", "here")


def test_file_stem() -> None:
    assert file_stem(Path("x/nq-dev.jsonl.gz")) == "nq-dev"
    assert file_stem(Path("nq-test.qa.csv")) == "nq-test.qa"
