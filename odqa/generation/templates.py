"""Templates of prompts: texts with ``{fields}``, filled in one pass."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

#: What stands in braces otherwise, such as JSON, is text.
_FIELD = re.compile(r"\{([a-z_]+)\}")


def fields_in(template: str) -> set[str]:
    """The names of the fields of a template."""
    return set(_FIELD.findall(template))


def check_template(key: str, template: str, known: Collection[str], needed: Collection[str]) -> str:
    """The template, unless it has an unknown field or lacks one that it needs.

    Raises:
        ValueError: names the key, for a validator of pydantic.
    """
    fields = fields_in(template)
    if unknown := sorted(fields - set(known)):
        choices = ", ".join(f"{{{name}}}" for name in sorted(known))
        raise ValueError(f"{key} has an unknown field {{{unknown[0]}}}; there are {choices}")
    if missing := sorted(set(needed) - fields):
        raise ValueError(f"{key} has no {{{missing[0]}}}")
    return template


def fill(template: str, values: Mapping[str, object]) -> str:
    """The template with its fields filled; what they hold is not looked at again."""
    return _FIELD.sub(lambda match: str(values.get(match[1], match[0])), template)
