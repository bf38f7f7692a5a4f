"""Questions of several hops: whether everything that they need was found, not any of it.

What a question needs are its relevant passages (qrels), else the pages that its set names as
supporting facts, found by title: a page is found where one of its passages is. HotpotQA (Yang et
al. 2018, section 3.3) and MuSiQue (Trivedi et al. 2022, section 3) are made so that none of them
can be left out.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence


def all_found(needed: Collection[str], found: Sequence[str]) -> float:
    """1.0 where all that is needed is among what was found."""
    return float(set(needed) <= set(found))


def share_found(needed: Collection[str], found: Sequence[str]) -> float:
    """The share of what is needed that was found, 0.0 to 1.0; something has to be needed."""
    return len(set(needed) & set(found)) / len(set(needed))


def needed_values(
    needed: Collection[str], found: Sequence[str], cuts: Sequence[int]
) -> dict[str, float]:
    """``support@k`` and ``all_gold@k`` at every cut, and ``all_gold`` over all that was found.

    Args:
        needed: ids or titles, at least one.
        found: those of the hits, best first.
    """
    values = {f"support@{k}": share_found(needed, found[:k]) for k in cuts}
    values |= all_gold_values(needed, found, cuts)
    return values | {"all_gold": all_found(needed, found)}


def all_gold_values(
    needed: Collection[str], found: Sequence[str], cuts: Sequence[int]
) -> dict[str, float]:
    """``all_gold@k`` at every cut."""
    return {f"all_gold@{k}": all_found(needed, found[:k]) for k in cuts}
