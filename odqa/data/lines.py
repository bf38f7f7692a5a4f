"""Lines of text files, plain or gzipped, with one-line errors that name file and line."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from odqa.data.json_text import parse_json
from odqa.errors import DataError

#: Bytes of one line; a gigabyte without a line end is no file of passages or questions.
_LONGEST_LINE = 2**28


def text_lines(path: Path) -> Iterator[str]:
    """Lines of a UTF-8 file (``.gz`` is unpacked), line ends kept, in bounded memory.

    Raises:
        DataError: missing or unreadable file, damaged gzip, bytes that are not UTF-8, or a line of
            more than 256 MiB.
    """
    number = 0
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            # Split only at \n: a single \r, or U+2028, is part of a text.
            while line := file.readline(_LONGEST_LINE + 1):
                number += 1
                if len(line) > _LONGEST_LINE:
                    raise DataError(
                        f"a line of more than {_LONGEST_LINE // 2**20} MiB",
                        where=f"{path}:{number}",
                        cure="is this a text file of one item a line?",
                    )
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
    except (OSError, ValueError) as error:
        # A path with a null character is a ValueError.
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"cannot be read ({reason})", where=str(path)) from None


def json_objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of a JSON-lines file, each with its place (``path:line``); skips empty lines.

    Raises:
        DataError: a line that is no JSON object; and as `text_lines`.
    """
    for number, line in enumerate(text_lines(path), start=1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        data = parse_json(line, where)
        if not isinstance(data, dict):
            raise DataError("expected a JSON object", where=where, cure='such as {"question": …}')
        yield where, data


def text_field(data: Mapping[str, object], key: str, where: str, wanted: str = "") -> str:
    """A required text (or integer) that is not blank.

    Args:
        wanted: how a message calls the key, where it may have other names.

    Raises:
        DataError: it is missing, which the keys that are there may explain, or no such text.
    """
    value = data.get(key)
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        cure = "" if key in data else keys_of(data)
        raise DataError(f"'{wanted or key}' is missing, empty or no text", where=where, cure=cure)
    return str(value)


def keys_of(data: Mapping[str, object]) -> str:
    """What a line has instead of the key that it lacks, for an error message."""
    keys = [f"'{key if len(key) <= 40 else key[:39] + '…'}'" for key in list(data)[:8]]
    return f"its keys are {', '.join(keys)}{', …' if len(data) > 8 else ''}" if keys else ""


def file_stem(path: Path) -> str:
    """A file's name without its endings: ``nq-dev`` for ``nq-dev.jsonl.gz``."""
    name = path.name.removesuffix(".gz")
    return name.rsplit(".", 1)[0]


def _nearest_name(path: Path) -> str:
    try:
        names = [p.name for p in path.parent.iterdir()]
    except OSError:
        names = []
    near = get_close_matches(path.name, names, n=1, cutoff=0.6)
    return f"did you mean '{near[0]}'?" if near else "check the path"
