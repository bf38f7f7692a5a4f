"""Inputs for readers of files: sound ones with a few bytes, or one value inside, changed."""

from __future__ import annotations

import json
import re
from random import Random
from typing import Any

#: Pieces that parsers trip over: ends of text, notations of other formats, odd numbers and digits.
_PIECES = (
    *(b"\x00", b"\xff", b"\xef\xbb\xbf", b"\r\n", b"\r", b"\n", b"\t", b" ", b"\x1b[31m", b"\x1c"),
    *(b'"', b"'", b"{", b"}", b"[", b"]", b":", b": ", b",", b"-", b"- ", b"#", b"|", b">", b"? "),
    *(b"&a ", b"*a", b"<<: ", b"!!python/object/apply:os.system", b"%YAML 9.9\n", b"---\n", b"~"),
    *(
        b"null",
        b"true",
        b"NaN",
        b"-Infinity",
        b"1e999",
        b"1e5",
        b"0x10",
        b"1_0",
        b"-1",
        b"0",
        b"1.0",
    ),
    *(
        b"99999999999999999999999999",
        b"\\ud800",
        b"\\u0000",
        b"..",
        b"../",
        b"/",
        b"[]",
        b"{}",
        b'""',
    ),
    *(b"\xe2\x80\xa8", b"\xe2\x80\xae", b"\xe2\x80\x8b", b"\xc2\x85", b"\xd9\xa3", b"\xc2\xb2"),
    *(b"\xf0\x9f\x98\x80", b"\xe5\x87\xaf", b"(" * 60, b"[" * 60, b"9" * 5000, b"\xed\xa0\x80"),
)
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 2**31, 2**70, 1.5, 1e308, 1e-320, [], {}, [1], [[]], [None]),
    *(
        "",
        " ",
        "a",
        "x" * 300,
        "\ud800",
        "\x00",
        "a\nb",
        "\x1b[0m",
        "\u202e",
        "../../x",
        "/etc/passwd",
    ),
    *(
        {"a": 1},
        ["a"],
        [{}],
        {"type": 3},
        {"text": ["a"]},
        {"aliases": 1},
        "embedded",
        "2024",
        "null",
    ),
)
_WORD = re.compile(rb"[A-Za-z0-9_.+-]+")


def changed_bytes(data: bytes, source: Random) -> bytes:
    """The same with one to eight changes of bytes, words or lines."""
    text = bytearray(data)
    for _ in range(source.choice((1, 1, 1, 2, 3, 8))):
        at = source.randrange(len(text) + 1)
        match source.randrange(8):
            case 0:
                text[at : at + 1] = bytes([source.randrange(256)])
            case 1:
                text[at:at] = source.choice(_PIECES)
            case 2:
                del text[at : at + source.randrange(1, 20)]
            case 3:
                text[at:at] = text[at : at + source.randrange(1, 40)]
            case 4:
                text[at : at + source.randrange(1, 8)] = source.choice(_PIECES)
            case 5:
                lines = bytes(text).split(b"\n")
                lines.insert(source.randrange(len(lines) + 1), source.choice(lines))
                text = bytearray(b"\n".join(lines))
            case 6 if source.random() < 0.3:
                del text[at:]
            case _:
                words = list(_WORD.finditer(bytes(text)))
                if words:
                    word = source.choice(words)
                    new = source.choice((*_PIECES, source.choice(words).group()))
                    text[word.start() : word.end()] = new
    return bytes(text)


def changed_value(data: Any, source: Random) -> Any:
    """Plain data with one value in it dropped, repeated, added or replaced."""
    if isinstance(data, dict) and data and source.random() < 0.85:
        key = source.choice(list(data))
        fate = source.random()
        if fate < 0.15:
            return {k: value for k, value in data.items() if k != key}
        if fate < 0.25:
            return {**data, source.choice(("x", "type", "k", "id", "", "\ud800")): _value(source)}
        return {**data, key: changed_value(data[key], source)}
    if isinstance(data, list) and data and source.random() < 0.85:
        at = source.randrange(len(data))
        fate = source.random()
        if fate < 0.1:
            return data[:at] + data[at + 1 :]
        if fate < 0.2:
            return [*data, data[at]]
        return [*data[:at], changed_value(data[at], source), *data[at + 1 :]]
    return _value(source)


def changed_json(text: bytes, source: Random) -> bytes:
    """A JSON text, which is YAML too, with one value changed."""
    return json.dumps(changed_value(json.loads(text), source)).encode()


def changed_json_lines(text: bytes, source: Random) -> bytes:
    """JSON lines with one value of one line changed."""
    lines = text.splitlines()
    at = source.randrange(len(lines))
    lines[at] = changed_json(lines[at], source)
    return b"\n".join(lines) + b"\n"


def _value(source: Random) -> Any:
    return source.choice(_VALUES)
