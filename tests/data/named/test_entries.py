from __future__ import annotations

import re

import pytest

from odqa.data.named import find_corpus, find_questions, named_files
from odqa.errors import DataError


def test_the_names_of_the_field_are_there() -> None:
    names = {named.name for named in named_files()}
    field = {"triviaqa", "popqa", "webq", "hotpotqa", "2wiki", "musique", "nq-open", "squad-open"}
    assert field | {"wiki18-100w"} <= names


@pytest.mark.parametrize("named", list(named_files()), ids=str)
def test_every_entry_says_where_it_is_and_under_which_licence(named: object) -> None:
    from odqa.data.named import NamedFile

    assert isinstance(named, NamedFile)
    assert named.licence and named.about and named.size > 0
    place = named.place
    assert sum(each is not None for each in (place.hub, place.url, place.set)) == 1
    if place.hub is not None:
        # A branch would be another file tomorrow.
        assert place.revision is not None and re.fullmatch("[0-9a-f]{40}", place.revision)
        assert named.mb is not None, "the size of a file on the hub is known before it is fetched"
    assert (named.file is None) == (place.set is not None)
    if named.sha256 is not None:
        assert re.fullmatch("[0-9a-f]{64}", named.sha256)


def test_the_default_split_is_one_with_answers() -> None:
    names = ("triviaqa", "popqa", "webq", "hotpotqa", "2wiki", "musique", "squad-open", "nq-open")
    files = [find_questions(name) for name in names]
    assert [str(file) for file in files] == [
        *("triviaqa:test", "popqa:test", "webq:test", "hotpotqa:dev", "2wiki:dev", "musique:dev"),
        *("squad-open:dev", "nq-open:validation"),
    ]
    # The sizes of the sets that papers report on.
    assert [file.size for file in files if file is not None] == [
        *(11313, 14267, 2032, 7405, 12576, 2417, 10570, 3610)
    ]


def test_other_names() -> None:
    assert find_questions("triviaqa.jsonl") is None
    assert find_questions("wiki18-100w") is None
    assert find_corpus("triviaqa") is None
    with pytest.raises(DataError, match="popqa has no split 'dev'; known: test"):
        find_questions("popqa:dev")
