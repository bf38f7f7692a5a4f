"""What no value of a spec or recipe is: endless, not a number, or a text that no file can be named.

Fields have narrower bounds of their own; this is the net below them, for components of others too.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, field_validator

#: The largest whole number (a seed of 32 bits) and the largest other one.
_MOST, _MOST_FLOAT = 2**32 - 1, 1e9
#: Characters of a text, and of a path.
_LONGEST, _LONGEST_PATH = 10_000, 4096


class BoundedModel(BaseModel):
    """Base of what is read from specs and recipes: refuses values beyond reason in any field."""

    @field_validator("*")
    @classmethod
    def _within_reason(cls, value: Any) -> Any:
        check_value(value)
        return value


def check_value(value: Any) -> None:
    """Refuse a number or a text beyond reason, alone or inside of lists and mappings.

    Raises:
        ValueError: with the reason.
    """
    if isinstance(value, bool):
        return
    if isinstance(value, int | float):
        most = _MOST if isinstance(value, int) else _MOST_FLOAT
        # Not a number compares as false.
        if not abs(value) <= most:
            raise ValueError(f"expected a number from -{most:,.0f} to {most:,.0f}")
    elif isinstance(value, str | PurePath):
        text = str(value)
        if len(text) > _LONGEST:
            raise ValueError(f"a text of {len(text):,} characters, at most {_LONGEST:,} are read")
        if "\x00" in text:
            raise ValueError("a text with a null character")
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            check_value(key)
            check_value(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            check_value(inner)


def _is_path(text: str) -> str:
    if any(ord(character) < 32 or character == "\x7f" for character in text):
        raise ValueError("a name with a control character")
    return text


#: The name of a file, a folder or something on a hub.
PathText = Annotated[str, Field(min_length=1, max_length=_LONGEST_PATH), AfterValidator(_is_path)]
