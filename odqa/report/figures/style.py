"""The look of figures in files: the page's own style sheets, read in their light theme."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

_RULE = re.compile(r"^svg ([\w.-]+) \{ (.*) \}$", re.MULTILINE)
_VARIABLE = re.compile(r"--([\w-]+): (#[0-9a-f]{6});")

#: White around a figure, in pixels: in a page its surroundings give it.
MARGIN = 14

#: Property -> value.
Style = Mapping[str, str]


@cache
def sheet() -> str:
    """The rules of all figures, with their colours in place."""
    colours = light_colours()
    return re.sub(r"var\(--([\w-]+)\)", lambda found: colours[found[1]], _read("figures.css"))


@cache
def light_colours() -> Mapping[str, str]:
    """Name -> ``#rrggbb``: the first block of the page's style sheet."""
    return dict(_VARIABLE.findall(_read("page.css").split("}", 1)[0]))


@cache
def style(tag: str, classes: str) -> Style:
    """What the sheet says about an element; of two rules the one that names more classes wins."""
    mine, found = {tag, *classes.split()}, list[tuple[int, dict[str, str]]]()
    for selector, body in _RULE.findall(sheet()):
        names = {name for name in selector.split(".") if name}
        if names <= mine:
            # A class counts more than a tag.
            weight = len(names - {tag})
            found.append((weight, dict(re.findall(r"([\w-]+): ([^;]+);", body))))
    whole: dict[str, str] = {}
    for _, properties in sorted(found, key=lambda rule: rule[0]):
        whole |= properties
    return whole


def _read(name: str) -> str:
    return (files("odqa.report") / "templates" / name).read_text(encoding="utf-8")
