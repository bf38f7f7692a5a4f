"""Styles of figures in files: the page's style sheets with the colours of its light theme."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

_RULE = re.compile(r"^svg ([\w.-]+) \{ (.*) \}$", re.MULTILINE)
_VARIABLE = re.compile(r"--([\w-]+): (#[0-9a-f]{6});")

#: White margin around a figure in a file, in pixels.
MARGIN = 14

#: Property -> value.
Style = Mapping[str, str]


@cache
def sheet() -> str:
    """The style sheet of all figures, with colours in place of variables."""
    colours = light_colours()
    return re.sub(r"var\(--([\w-]+)\)", lambda match: colours[match[1]], _read("figures.css"))


@cache
def light_colours() -> Mapping[str, str]:
    """Name -> ``#rrggbb``: the first block of the page's style sheet."""
    return dict(_VARIABLE.findall(_read("page.css").split("}", 1)[0]))


@cache
def style(tag: str, classes: str) -> Style:
    """The properties of an element; of two rules the one with more classes wins."""
    own_names, matching = {tag, *classes.split()}, list[tuple[int, dict[str, str]]]()
    for selector, body in _RULE.findall(sheet()):
        names = {name for name in selector.split(".") if name}
        if names <= own_names:
            # A class counts more than a tag.
            weight = len(names - {tag})
            matching.append((weight, dict(re.findall(r"([\w-]+): ([^;]+);", body))))
    merged: dict[str, str] = {}
    for _, properties in sorted(matching, key=lambda rule: rule[0]):
        merged |= properties
    return merged


def _read(name: str) -> str:
    return (files("odqa.report") / "templates" / name).read_text(encoding="utf-8")
