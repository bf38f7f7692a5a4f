from __future__ import annotations

from pathlib import Path

import pytest

from odqa.errors import CheckpointError
from odqa.word_models.trigrams import Trigrams, frequent_trigrams, letter_trigrams


def test_the_papers_example() -> None:
    """Section 3.2: #good# is #go, goo, ood, od#."""
    assert sorted(letter_trigrams("Good")) == sorted(["#go", "goo", "ood", "od#"])


def test_words_of_one_letter_and_repetitions() -> None:
    assert letter_trigrams("a, a cat") == {"#a#": 2, "#ca": 1, "cat": 1, "at#": 1}
    assert not letter_trigrams(" ?! ")


def test_unknown_trigrams_are_left_out() -> None:
    assert Trigrams(["at#", "#a#"]).rows("a cat, a hat") == ([0, 1], [2, 2])


def test_frequent_ones_are_counted_by_texts() -> None:
    texts = ["at at", "cat", "hat hat"]
    assert frequent_trigrams(texts, 2) == [("at#", 3)]
    assert ("#at", 1) in frequent_trigrams(texts, 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("#ca\ncat\n#ca\n", r"trigrams.txt:3: '#ca' stands twice"),
        ("#ca\n\n", r"trigrams.txt:2: '' is not three characters"),
        (None, "no readable file of trigrams"),
    ],
)
def test_a_file_of_trigrams_is_read_strictly(
    tmp_path: Path, content: str | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "trigrams.txt").write_text(content, encoding="utf-8")
    with pytest.raises(CheckpointError, match=message):
        Trigrams.read(tmp_path)
