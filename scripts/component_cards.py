"""Write ``docs/components/README.md``: every component type with its card and its place on the map.

Run it with ``python scripts/component_cards.py`` after a component, or the source that its card
names, was added or changed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from odqa import registry

CARDS = Path(__file__).resolve().parent.parent / "docs" / "components"
INDEX = CARDS / "README.md"
_HEAD = """# Components
Every type that ships with odqa: `odqa components` lists their parameters, the cards say what each
computes, what it costs and when to use it. Made by `python scripts/component_cards.py`.

| type | role | paper | representation | interaction | card |
|---|---|---|---|---|---|
"""
#: Authors and year: one name or several, with commas, "and" or "et al.".
_PAPER = re.compile(r"(?:[A-Z][\w'-]+(?:, | and | ))+(?:et al\. )?(?:19|20)\d\d")


def card_of(entry: registry.Entry) -> Path:
    """The card of a type: TYPE.md, or TYPE-ROLE.md where several roles have a type of that name."""
    names = Counter(other.name for other in registry.entries() if other.origin == "odqa")
    plain, with_role = CARDS / f"{entry.name}.md", CARDS / f"{entry.name}-{entry.role}.md"
    return with_role if names[entry.name] > 1 or with_role.exists() else plain


def section(card: Path, heading: str) -> str:
    """The text under a heading of a card, its lines joined; empty without such a heading."""
    parts = re.split(r"^## (.+)$", card.read_text(encoding="utf-8"), flags=re.MULTILINE)
    by_heading = dict(zip(parts[1::2], parts[2::2], strict=True))
    return " ".join(by_heading.get(heading, "").split())


def paper(card: Path) -> str:
    """Authors and year of the first source that a card names; a dash without one."""
    source = section(card, "Source")
    match = None if source.startswith("No paper") else _PAPER.search(source)
    return match[0] if match else "-"


def rows() -> Iterator[str]:
    """One line of the table a type."""
    for entry in registry.entries():
        if entry.origin != "odqa":
            continue
        kind, card = entry.load(), card_of(entry)
        if not card.is_file():
            raise SystemExit(f"{entry.role} '{entry.name}' has no card: write {card}")
        cells = [
            f"`{entry.name}`",
            entry.role,
            paper(card),
            kind.representation,
            kind.interaction,
            f"[{card.name}]({card.name})",
        ]
        yield f"| {' | '.join(cells)} |\n"


def index() -> str:
    """The whole page."""
    return _HEAD + "".join(rows())


if __name__ == "__main__":
    INDEX.write_text(index(), encoding="utf-8")
