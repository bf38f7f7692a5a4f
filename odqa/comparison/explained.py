"""Explanations of a ranker as text for a terminal and as HTML for a notebook."""

from __future__ import annotations

import re
from collections import defaultdict
from html import escape
from textwrap import shorten

from odqa.explanation import Explanation
from odqa.types import Passage

#: [CLS], [MASK] and the like: they count in a score, but are no words of the question.
_FILLER = re.compile(r"\[.+\]")
#: Opacity of the deepest shade: text on it stays readable on white and on black.
_DEEPEST = 0.45
#: Characters of one line at most.
_LONGEST = 120


def as_text(explanation: Explanation, passage: Passage) -> str:
    """One line: ``who>by 0.61, built>built 0.94`` or ``attention 41%``."""
    if explanation.kind == "attention":
        return attention_share(explanation)
    passage_text = passage.full_text
    parts = []
    for match in explanation.matches:
        if not _FILLER.fullmatch(match.token):
            piece = explanation.pieces[match.piece]
            text = passage_text[piece.start : piece.end] or "(marker)"
            parts.append(f"{match.token}>{text} {match.score:.2f}")
    return shorten(", ".join(parts), _LONGEST, placeholder=" …")


def attention_share(explanation: Explanation) -> str:
    """The passage's share of the attention to all passages that were read together."""
    return "attention" if explanation.share is None else f"attention {explanation.share:.0%}"


def as_html(explanation: Explanation, passage: Passage) -> str:
    """The whole passage: question tokens over the pieces that match them, or shaded attention."""
    over: dict[int, list[str]] = defaultdict(list)
    for match in explanation.matches:
        if not _FILLER.fullmatch(match.token):
            over[match.piece].append(match.token.removeprefix("##"))
    # Attention is spread over many tokens: its shades are relative to the highest weight.
    highest = max((p.weight for p in explanation.pieces if p.end > p.start), default=0.0)
    scale = highest if explanation.kind == "attention" and highest > 0 else 1.0
    passage_text, at, parts = passage.full_text, 0, list[str]()
    for n, piece in enumerate(explanation.pieces):
        if piece.end == piece.start or (explanation.kind == "alignment" and n not in over):
            continue
        shade = _DEEPEST * min(1.0, max(0.0, piece.weight / scale))
        text = escape(passage_text[piece.start : piece.end])
        marked = f"<span style='background:rgba(15,157,136,{shade:.2f})'>{text}</span>"
        if n in over:
            marked = f"<ruby>{marked}<rt>{escape(' '.join(over[n]))}</rt></ruby>"
        parts += [escape(passage_text[at : piece.start]), marked]
        at = piece.end
    parts.append(escape(passage_text[at:]))
    return f"<div style='line-height:1.7'>{''.join(parts)}</div>"
