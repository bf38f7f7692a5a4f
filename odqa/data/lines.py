"""Lines of text files, plain or gzipped, with one-line errors that name file and line."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from odqa.errors import DataError
from odqa.suggest import did_you_mean


def text_lines(path: Path) -> Iterator[str]:
    """Lines of a UTF-8 file (``.gz`` is unpacked on the way), line ends kept, in bounded memory.

    Raises:
        DataError: missing or unreadable file, damaged gzip, bytes that are not UTF-8.
    """
    number = 0
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            for number, line in enumerate(file, start=1):  # noqa: B007  (named in errors)
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
    except FileNotFoundError:
        raise DataError("no such file", where=str(path), cure=_beside(path)) from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"byte {error.start + 1} is not UTF-8",
            where=f"{path}:{number}",
            cure="convert the file to UTF-8",
        ) from None
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise DataError(
            "the gzip file is damaged or cut short",
            where=f"{path}:{number + 1}",
            cure="copy or download it again",
        ) from None
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", where=str(path)) from None


def _beside(path: Path) -> str:
    names = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    hint = did_you_mean(path.name, names)
    return hint if hint.startswith("did you mean") else "check the path"
