"""Lines of text files, plain or gzipped, with one-line errors that name file and line."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from odqa.errors import DataError


def text_lines(path: Path) -> Iterator[str]:
    """Lines of a UTF-8 file (``.gz`` is unpacked), line ends kept, in bounded memory.

    Raises:
        DataError: missing or unreadable file, damaged gzip, bytes that are not UTF-8.
    """
    number = 0
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            # Split only at \n: a single \r, or U+2028, is part of a text.
            for line in file:
                number += 1
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
    except FileNotFoundError:
        raise DataError("no such file", where=str(path), cure=_nearest_name(path)) from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"byte {error.start + 1} of this line (0x{error.object[error.start]:02x}) is not UTF-8",
            where=f"{path}:{number}",
            cure="convert the file to UTF-8",
        ) from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        cut = isinstance(error, EOFError)
        raise DataError(
            "the gzip file is cut short" if cut else "the gzip file is damaged",
            where=f"{path}:{number + 1}",
            cure="copy or download it again",
        ) from None
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", where=str(path)) from None


def json_objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of a JSON-lines file, each with its place (``path:line``); skips empty lines.

    Raises:
        DataError: a line that is no JSON object; and as `text_lines`.
    """
    for number, line in enumerate(text_lines(path), start=1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            data = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else error
            raise DataError(f"broken JSON ({reason})", where=where) from None
        if not isinstance(data, dict):
            raise DataError("expected a JSON object", where=where, cure='such as {"question": …}')
        yield where, data


def text_field(data: Mapping[str, object], key: str, where: str) -> str:
    """A required text (or integer) that is not blank.

    Raises:
        DataError: it is not.
    """
    value = data.get(key)
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        raise DataError(f"'{key}' is missing, empty or no text", where=where)
    return str(value)


def file_stem(path: Path) -> str:
    """A file's name without its endings: ``nq-dev`` for ``nq-dev.jsonl.gz``."""
    name = path.name.removesuffix(".gz")
    return name.rsplit(".", 1)[0]


def _nearest_name(path: Path) -> str:
    names = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    near = get_close_matches(path.name, names, n=1, cutoff=0.6)
    return f"did you mean '{near[0]}'?" if near else "check the path"
