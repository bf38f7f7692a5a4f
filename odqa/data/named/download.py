"""A file from a server: resumed where it broke off, whole or not there."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from odqa.errors import DataError, EnvironmentProblem
from odqa.progress import progress

_CHUNK = 2**20
_SECONDS = 30
_TRY_AGAIN = "run the same command again, which goes on where this one stopped"


def size_at(url: str) -> int | None:
    """Bytes of a file as the server states them; `None` where it does not.

    Raises:
        EnvironmentProblem: the server cannot be reached. DataError: it has no such file.
    """
    with _open(urllib.request.Request(url, method="HEAD")) as answer:
        return _length(answer)


def download(url: str, target: Path, resume: Path) -> None:
    """Fetch a file.

    What an earlier call left in ``resume`` is kept if the file on the server is the same still, by
    its ETag or date.

    Args:
        target: where it goes once it is whole.
        resume: a folder for the part that has arrived.

    Raises:
        EnvironmentProblem: the server cannot be reached, or breaks off. DataError: it has no such
            file. OSError: the disk.
    """
    resume.mkdir(parents=True, exist_ok=True)
    part, mark_file = resume / "part", resume / "server.json"
    mark = json.loads(mark_file.read_text()) if mark_file.is_file() else {}
    start = part.stat().st_size if part.is_file() and mark.get("mark") else 0
    request = urllib.request.Request(url)
    if start:
        request.add_header("Range", f"bytes={start}-")
        request.add_header("If-Range", mark["mark"])
    if start and start == mark.get("bytes"):
        part.replace(target)
        return
    with _open(request) as answer:
        if answer.status != http.client.PARTIAL_CONTENT:
            start = 0
        length = _length(answer)
        total = None if length is None else start + length
        # A weak tag says that two files mean the same, not that they are the same.
        tag = answer.headers.get("ETag") or ""
        found = tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified")
        mark_file.write_text(json.dumps({"mark": found, "bytes": total}))
        with part.open("ab" if start else "wb") as out:
            for chunk in progress(_chunks(answer, url), f"fetch {target.name}", unit=" MiB"):
                out.write(chunk)
    if total is not None and part.stat().st_size != total:
        arrived = f"{part.stat().st_size:,} of {total:,} bytes"
        raise EnvironmentProblem(f"broke off after {arrived}", where=url, cure=_TRY_AGAIN)
    part.replace(target)


def _chunks(answer: IO[bytes], url: str) -> Iterator[bytes]:
    while True:
        try:
            chunk = answer.read(_CHUNK)
        except http.client.IncompleteRead as error:
            yield error.partial
            return
        except (OSError, http.client.HTTPException) as error:
            what = f"broke off ({type(error).__name__})"
            raise EnvironmentProblem(what, where=url, cure=_TRY_AGAIN) from None
        if not chunk:
            return
        yield chunk


def _open(request: urllib.request.Request) -> Any:
    url = request.full_url
    try:
        return urllib.request.urlopen(request, timeout=_SECONDS)
    except urllib.error.HTTPError as error:
        kind = DataError if error.code in (403, 404, 410) else EnvironmentProblem
        raise kind(f"the server answers {error.code} {error.reason}", where=url) from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        raise EnvironmentProblem(f"cannot be reached ({reason})", where=url) from None


def _length(answer: Any) -> int | None:
    text = answer.headers.get("Content-Length") or ""
    return int(text) if text.isdecimal() else None
