"""Scripts that are written without spaces between words: each of their characters is a word.

Splitting them into words needs a dictionary, and two tools rarely agree; characters are what
the evaluations of CMRC 2018 (Cui et al. 2019) and MLQA (Lewis et al. 2020) count for Chinese.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import regex

#: Chinese, Japanese and their kin; Thai, Lao, Khmer, Burmese and other scripts of South-East Asia
#: (Unicode's line-breaking class SA).
_SCRIPTS = r"\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Bopo}\p{Yi}\p{Nushu}\p{Tangut}\p{lb=SA}"


def has_unspaced(text: str) -> bool:
    """Whether a text has letters of such a script."""
    return not text.isascii() and _letters().search(text) is not None


def split_unspaced(token: str) -> list[str]:
    """A token without spaces, cut around every letter of such a script; its marks stay with it."""
    return _parts().findall(token) if has_unspaced(token) else [token]


# The standard library's re has no scripts. Imported late: validating a spec does not need it.
@cache
def _letters() -> regex.Pattern[str]:
    import regex

    return regex.compile(rf"(?V1)[[{_SCRIPTS}]&&[\p{{L}}\p{{Nl}}]]")


@cache
def _parts() -> regex.Pattern[str]:
    import regex

    letter = rf"[[{_SCRIPTS}]&&[\p{{L}}\p{{Nl}}]]"
    return regex.compile(rf"(?V1){letter}\p{{M}}*|(?:(?!{letter}).)+", flags=regex.DOTALL)
