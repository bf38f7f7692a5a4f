from __future__ import annotations

from pathlib import Path

import pytest

from odqa.errors import SpecError
from odqa.spec.source import parse_source, parse_value, read_source


def test_values_keep_their_places() -> None:
    source = parse_source("name: x\nlist:\n  - 1\n  - {a: 2.5}\n", "f.yaml")
    assert source.data == {"name": "x", "list": [1, {"a": 2.5}]}
    assert source.where(("list", 1, "a")) == "f.yaml:4: list.1.a"
    assert source.where(("list", 1, "gone")) == "f.yaml:4: list.1.gone"
    assert source.where(("gone",)) == "f.yaml:1: gone"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-5", 1e-5),
        ("-2.5E3", -2500.0),
        ("1e5x", "1e5x"),
        ("on", "on"),
        ("no", "no"),
        ("true", True),
        ("2026-01-31", "2026-01-31"),
        ("~", None),
        ("", ""),
        ("{a: [1, 2]}", {"a": [1, 2]}),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    parsed = parse_value(text, "--set")
    assert parsed == value and type(parsed) is type(value)


def test_merge_keys_are_weaker_than_keys_that_stand_there() -> None:
    text = "a: &a {k: 1, w: 1}\nb: &b {k: 2, v: 2}\nc:\n  k: 3\n  <<: [*a, *b]\nd: {<<: *b}\n"
    source = parse_source(text, "f.yaml")
    assert source.data["c"] == {"k": 3, "w": 1, "v": 2}
    assert source.data["d"] == {"k": 2, "v": 2}
    assert source.where(("c", "k")) == "f.yaml:4: c.k"
    assert source.where(("c", "w")) == "f.yaml:1: c.w"


def laughs() -> str:
    more = (f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 8))
    return "\n".join(["a0: &a0 [x, x]", *more])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "f.yaml:1: expected keys, found nothing; start it with 'name: …'"),
        ("- a", "f.yaml:1: expected keys, found a list; start it with 'name: …'"),
        ("word", "f.yaml:1: expected keys, found a single value; start it with 'name: …'"),
        ("a: 1\n---\nb: 2", "f.yaml:2: broken YAML: but found another document"),
        ("a:\n\tb: 1", "f.yaml:2: broken YAML: found character '\\t' that cannot start any token"),
        ("a: \x00", "f.yaml: broken YAML: unacceptable character #x0000"),
        (f"%YAML {'5' * 5000}.1\n---\na: 1", "f.yaml: broken YAML: Exceeds the limit (4300 digits"),
        ("a: *b", "f.yaml:1: broken YAML: found undefined alias 'b'"),
        ("a: &a {b: *a}", "f.yaml:1: an alias that holds itself"),
        ("a: {<<: 3}", "f.yaml:1: '<<' merges keys, found none"),
        ("? [a]\n: 1", "f.yaml:1: a key must be a plain word"),
        ("a: 1\nb: 2\na: 3", "f.yaml:3: key 'a' is given twice; keep one of them"),
        ("a: !!int x", "f.yaml:1: not a plain value (invalid literal"),
        ("a: !!binary aGk=", "f.yaml:1: not a plain value; quote it to make it text"),
        ("a: .nan", "f.yaml:1: not a finite number"),
        ("a: 1e999", "f.yaml:1: not a finite number"),
        ("a: " + "[" * 3000 + "]" * 3000, "f.yaml:1: nested too deeply, more than 50 levels"),
        (laughs(), "f.yaml: more than 20,000 values, aliases counted each time"),
    ],
)
def test_what_is_no_spec_is_refused_in_one_line(text: str, line: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_source(text, "f.yaml")
    assert str(caught.value).startswith(line)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "retro.yaml").touch()
    with pytest.raises(SpecError, match=r"no such spec file; did you mean 'retro.yaml'"):
        read_source(tmp_path / "rétro.yaml")
    with pytest.raises(SpecError, match=r"cannot be read \(Is a directory\)"):
        read_source(tmp_path)
    with pytest.raises(SpecError, match="cannot be read"):
        read_source(Path("a\x00.yaml"))
    (tmp_path / "bytes.yaml").write_bytes(b"name: x\n\xff\xfe")
    with pytest.raises(SpecError, match=r"bytes.yaml:2: not UTF-8 text; save the file as UTF-8"):
        read_source(tmp_path / "bytes.yaml")
