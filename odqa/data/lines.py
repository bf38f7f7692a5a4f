"""Lines of text files, plain, gzipped or alone in a ZIP archive; errors name file and line."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import IO, Any

from odqa.data.json_text import parse_json
from odqa.errors import DataError

#: Bytes of one line; a gigabyte without a line end is no file of passages or questions.
_LONGEST_LINE = 2**28


def text_lines(path: Path) -> Iterator[str]:
    """Lines of a UTF-8 file (``.gz`` and ``.zip`` are unpacked), line ends kept, in bounded memory.

    Raises:
        DataError: missing or unreadable file, damaged gzip or ZIP, bytes that are not UTF-8,
            or a line of more than 256 MiB.
    """
    number = 0
    try:
        with _open(path) as file:
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
    except (EOFError, gzip.BadGzipFile, zipfile.BadZipFile, zlib.error) as error:
        cut, kind = isinstance(error, EOFError), "ZIP" if path.suffix == ".zip" else "gzip"
        raise DataError(
            f"the {kind} file is {'cut short' if cut else 'damaged'}",
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


def content_name(path: Path) -> str:
    """The name of what a file holds: without ``.gz``; of a ZIP archive that of its one file.

    Raises:
        DataError: the archive is damaged, or holds no file or several.
    """
    if path.suffix != ".zip":
        return path.name.removesuffix(".gz")
    try:
        with zipfile.ZipFile(path) as archive:
            return Path(_member(archive, path).filename).name
    except (OSError, zipfile.BadZipFile) as error:
        reason = getattr(error, "strerror", None) or "the ZIP file is damaged"
        raise DataError(f"cannot be read ({reason})", where=str(path)) from None


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    if path.suffix == ".gz":
        with gzip.open(path, "rb") as packed:
            # A file object in all but its declared type.
            yield packed  # type: ignore[misc]
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive, archive.open(_member(archive, path)) as member:
            yield member
    else:
        with path.open("rb") as file:
            yield file


def _member(archive: zipfile.ZipFile, path: Path) -> zipfile.ZipInfo:
    """The one file of an archive; what macOS adds to it does not count."""
    members = [m for m in archive.infolist() if not m.is_dir() and "__MACOSX" not in m.filename]
    if len(members) != 1 or members[0].flag_bits & 1:
        what = "an encrypted file" if len(members) == 1 else f"{len(members)} files"
        cure = "unpack it, and name the file"
        raise DataError(f"a ZIP archive of {what} instead of one file", where=str(path), cure=cure)
    return members[0]


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
