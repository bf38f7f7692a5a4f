"""What a ranker saw in a passage, as text for a terminal and as HTML for a notebook."""

from __future__ import annotations

import re
from collections import defaultdict
from html import escape
from textwrap import shorten

from odqa.explanation import Explanation
from odqa.types import Passage

#: [CLS], [MASK] and the like: they count in a score, and nobody reads them.
_FILLER = re.compile(r"\[.+\]")
#: At most this much colour, so that text on it stays readable on white and on black.
_DEEPEST = 0.45
#: Characters of one line.
_LONGEST = 120


def as_text(one: Explanation, passage: Passage) -> str:
    """One line: ``who>by 0.61, built>built 0.94`` or ``attention 41%``."""
    if one.kind == "attention":
        return attention_share(one)
    full = passage.full_text
    found = []
    for match in one.matches:
        if not _FILLER.fullmatch(match.token):
            piece = one.pieces[match.piece]
            words = full[piece.start : piece.end] or "(marker)"
            found.append(f"{match.token}>{words} {match.score:.2f}")
    return shorten(", ".join(found), _LONGEST, placeholder=" …")


def attention_share(one: Explanation) -> str:
    """What the passage got of the attention to all that were read together."""
    return "attention" if one.share is None else f"attention {one.share:.0%}"


def as_html(one: Explanation, passage: Passage) -> str:
    """The whole passage: question tokens over the pieces they chose, or attention as shade."""
    over: dict[int, list[str]] = defaultdict(list)
    for match in one.matches:
        if not _FILLER.fullmatch(match.token):
            over[match.piece].append(match.token.removeprefix("##"))
    # Attention spreads over many tokens: its shades are relative to the deepest.
    most = max((p.weight for p in one.pieces if p.end > p.start), default=0.0)
    whole = most if one.kind == "attention" and most > 0 else 1.0
    full, at, parts = passage.full_text, 0, list[str]()
    for n, piece in enumerate(one.pieces):
        if piece.end == piece.start or (one.kind == "alignment" and n not in over):
            continue
        shade = _DEEPEST * min(1.0, max(0.0, piece.weight / whole))
        text = escape(full[piece.start : piece.end])
        marked = f"<span style='background:rgba(15,157,136,{shade:.2f})'>{text}</span>"
        if n in over:
            marked = f"<ruby>{marked}<rt>{escape(' '.join(over[n]))}</rt></ruby>"
        parts += [escape(full[at : piece.start]), marked]
        at = piece.end
    parts.append(escape(full[at:]))
    return f"<div style='line-height:1.7'>{''.join(parts)}</div>"
