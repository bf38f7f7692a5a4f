"""Letters that tell which pipelines cannot be told apart, as tables in papers have them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from string import ascii_lowercase


def compact_letters(names: Sequence[str], different: Collection[frozenset[str]]) -> dict[str, str]:
    """Name -> letters; two names share a letter exactly where they are not different.

    By insertion and absorption (Piepho 2004, "An algorithm for a letter-based representation of
    all-pairwise comparisons", section 3), so that as few letters as it finds are used.

    Args:
        names: best first; the first has an ``a``.
        different: the pairs that were found to differ.
    """
    groups: list[frozenset[str]] = [frozenset(names)]
    for pair in different:
        split = [group for group in groups if pair <= group]
        rest = [group for group in groups if not pair <= group]
        parts = [group - {name} for group in split for name in pair]
        groups = _absorbed([*rest, *parts])
    groups.sort(key=lambda group: sorted(names.index(name) for name in group))
    return {
        name: "".join(_letter(n) for n, group in enumerate(groups) if name in group)
        for name in names
    }


def _absorbed(groups: Sequence[frozenset[str]]) -> list[frozenset[str]]:
    """The groups that lie in no other."""
    unique = list(dict.fromkeys(groups))
    return [group for group in unique if not any(group < other for other in unique)]


def _letter(number: int) -> str:
    """a to z, then aa, ab and so on."""
    prefix, position = divmod(number, len(ascii_lowercase))
    return (_letter(prefix - 1) if prefix else "") + ascii_lowercase[position]
