"""Marks of the form of a passage: what can be seen of it without reading a word."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from odqa.types import Passage

#: Six simple ones.
FEATURES: dict[str, Callable[[Passage], float]] = {
    "begins with a capital": lambda p: float(p.text[:1].isupper()),
    "begins with its title": lambda p: float(bool(p.title) and p.text.startswith(p.title)),
    "ends a sentence": lambda p: float(p.text.rstrip()[-1:] in '.!?"'),
    "hundreds of words": lambda p: len(p.text.split()) / 100,
    "under 70 words": lambda p: float(len(p.text.split()) < 70),
    "over 100 words": lambda p: float(len(p.text.split()) > 100),
}
#: Characters whose shares are marks of form.
_COUNTED = ",.;:()[]\"'`-–—/%$&?!*=|#"


def _length(p: Passage) -> dict[str, float]:
    words = p.text.split()
    lengths = [len(word) for word in words] or [0]
    return {
        "words": float(len(words)),
        "words squared": float(len(words)) ** 2,
        "characters": float(len(p.text)),
        "characters a word": float(np.mean(lengths)),
        "longest word": float(max(lengths)),
        "multiple of ten words": float(len(words) % 10 == 0),
    }


def _ends(p: Passage) -> dict[str, float]:
    text = p.text.strip()
    first, last = text[:1], text[-1:]
    kinds: dict[str, Callable[[str], bool]] = {
        "capital": str.isupper,
        "small letter": str.islower,
        "digit": str.isdigit,
        "stop": lambda c: c in ".!?" and c != "",
        "quote": lambda c: c in "\"'“”" and c != "",
        "comma": lambda c: c in ",;:" and c != "",
        "bracket": lambda c: c in "()[]" and c != "",
    }
    marks = {f"begins with {kind}": float(test(first)) for kind, test in kinds.items()}
    marks |= {f"ends with {kind}": float(test(last)) for kind, test in kinds.items()}
    marks["white space at an end"] = float(text != p.text)
    return marks


def _typography(p: Passage) -> dict[str, float]:
    text, n = p.text, max(len(p.text), 1)
    marks = {f"share of {character}": text.count(character) / n for character in _COUNTED}
    marks |= {
        "share of digits": sum(map(str.isdigit, text)) / n,
        "share of capitals": sum(map(str.isupper, text)) / n,
        "share beyond ASCII": sum(ord(character) > 127 for character in text) / n,
        "blank before a comma or stop": (text.count(" ,") + text.count(" .")) / n,
        "no blank after a stop": sum(a in ".," and b.isalpha() for a, b in pairwise(text)) / n,
        "double blank": text.count("  ") / n,
        "line end": text.count("\n") / n,
        "doubled quotes": (text.count('""') + text.count("``") + text.count("''")) / n,
    }
    return marks


def _title(p: Passage) -> dict[str, float]:
    return {
        "has a title": float(bool(p.title)),
        "begins with its title": float(bool(p.title) and p.text.startswith(p.title)),
        "title in the text": float(bool(p.title) and p.title in p.text),
        "title in brackets": float("(" in p.title),
        "characters of the title": float(len(p.title)),
    }


def marks_of(passage: Passage) -> dict[str, float]:
    """All marks of form: lengths, first and last character, typography, the title's place."""
    return {**_length(passage), **_ends(passage), **_typography(passage), **_title(passage)}


def simple_marks_of(passage: Passage) -> dict[str, float]:
    """The six of `FEATURES`."""
    return {name: feature(passage) for name, feature in FEATURES.items()}
