"""Numbers written as words."""

from __future__ import annotations

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth "
    "fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
)

#: Word -> number, up to twenty and whole tens; ordinals too.
NUMBER_WORDS = (
    {word: number for number, word in enumerate(_ONES.split())}
    | {word: 10 * number for number, word in enumerate(_TENS.split(), start=2)}
    | {word: number for number, word in enumerate(_ORDINALS.split(), start=1)}
)
#: What is left of an ordinal in digits: ``16th``.
ORDINAL_ENDINGS = frozenset(("st", "nd", "rd", "th"))
