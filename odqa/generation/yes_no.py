"""Yes or no in what a language model wrote."""

from __future__ import annotations

import re

from odqa.generation.reasoning import without_reasoning


def parse_yes_no(text: str, yes: str, no: str) -> bool | None:
    """Whether the text begins with the word for yes; `None` where it begins with neither word.

    Case, and marks before the word, do not count, nor does reasoning before the answer.
    """
    begin = bare(without_reasoning(text))
    for word, verdict in ((yes, True), (no, False)):
        if re.match(rf"{re.escape(bare(word))}(?!\w)", begin):
            return verdict
    return None


def bare(text: str) -> str:
    """In lower case, without marks and blanks in front."""
    return re.sub(r"^[\W_]+", "", text.casefold())
