"""JSON of files that others wrote: parsed, or refused in one line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from odqa.data.ids import encodable
from odqa.errors import DataError

Pairs = list[tuple[str, Any]]

#: The escape of half a surrogate pair, which is no character; whole pairs begin like it.
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def parse_json(text: str, where: str, hook: Callable[[Pairs], Any] | None = None) -> Any:
    """The value of a JSON text.

    Args:
        where: the place of the text; in a text of several lines their number is added.
        hook: makes an object of its pairs, by default a ``dict``.

    Raises:
        DataError: it is broken, nested too deeply, has numbers of thousands of digits, or half a
            surrogate pair, which could not be written again.
    """
    try:
        data = json.loads(text, object_pairs_hook=hook)
        escaped = _SURROGATE.search(text) is not None
        half = escaped and not encodable(json.dumps(data, ensure_ascii=False))
    except json.JSONDecodeError as error:
        place = f"{where}:{error.lineno}" if "\n" in text.rstrip("\n") else where
        cure = "a file with one object a line is called .jsonl" if _is_second(error) else ""
        raise DataError(f"broken JSON ({error.msg})", where=place, cure=cure) from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"broken JSON ({error})", where=where) from None
    if half:
        raise DataError("half of a surrogate pair, which is not a character", where=where)
    return data


def _is_second(error: json.JSONDecodeError) -> bool:
    return error.msg == "Extra data" and error.lineno == 2
