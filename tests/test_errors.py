from __future__ import annotations

import pytest

from odqa.errors import DataError, OdqaError, SpecError, SpecErrors


def test_a_line_names_place_problem_and_cure() -> None:
    assert str(DataError("broken", where="a.tsv:3", cure="mend it")) == "a.tsv:3: broken; mend it"
    assert str(OdqaError("broken")) == "broken"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\r\nc\td", "a b c d"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("\x00", r"\x00"),
        ("abc\u202egpj.exe", r"abc\u202egpj.exe"),
        ("zero\u200bwidth", r"zero\u200bwidth"),
        ("half \ud800", r"half \ud800"),
        ("a\u2028b\x85c", "a b c"),
        ("naïve 凯尔达 😀", "naïve 凯尔达 😀"),
        (r"C:\new", r"C:\new"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_instead(text: str, shown: str) -> None:
    assert str(DataError(text, where=text, cure=text)) == f"{shown}: {shown}; {shown}"
    both = SpecErrors([SpecError(text), SpecError(text)])
    assert str(both) == f"{shown}\n{shown}"
    assert both.args == (f"{shown}; {shown}",)


def test_a_value_of_any_length_stays_readable() -> None:
    line = str(DataError(f"no passage '{'x' * 100_000}' here", where="f" * 5000, cure="mend it"))
    assert len(line) < 2100
    assert line.startswith("f" * 500 + " … " + "f" * 500 + ": no passage 'xx")
    assert line.endswith("xx' here; mend it")
