"""The rules put together: one verdict on an answer."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from odqa.metrics.equivalence.dates import dates_in, same_date
from odqa.metrics.equivalence.names import asks_for_person, is_name, same_name
from odqa.metrics.equivalence.numbers import same_number
from odqa.metrics.equivalence.text import content, holds_in_order, is_number, tokens

#: Overlap (F1) from which texts that are no dates, numbers or names count as the same, and the
#: share of an accepted answer that a longer prediction, such as a sentence, must have.
_OVERLAP = 0.5
_SHARE = 0.6
#: Letters by which words are compared there: ``sharecroppers`` is near enough to ``sharecropping``.
_STEM = 5
_CAPITALS = re.compile(r"\b[A-Z]{2,}\b")


def contains(prediction: str, golds: Iterable[str]) -> float:
    """1.0 when an accepted answer stands in the prediction, token by token, else 0.0.

    Accepted answers of stop words alone (the band "The The") must be the whole prediction.
    """
    return float(any(_contains(prediction, gold) for gold in golds))


def token_recall(prediction: str, golds: Iterable[str]) -> float:
    """The largest share of an accepted answer's tokens that the prediction has, 0.0 to 1.0."""
    given = tokens(prediction)
    shares = (len(_shared(given, tokens(g))) / len(tokens(g)) for g in golds if tokens(g))
    return max(shares, default=0.0)


def equivalent(prediction: str, golds: Iterable[str], question: str = "") -> float:
    """1.0 when the prediction means the same as an accepted answer, else 0.0.

    Args:
        prediction: the answer, a phrase or a sentence; one without any token is never right.
        golds: accepted answers.
        question: its words, years and numbers are no answer; without it they are counted as one.
    """
    return float(any(_equivalent(prediction, gold, question) for gold in golds))


def _equivalent(prediction: str, gold: str, question: str) -> bool:
    given, accepted, asked = tokens(prediction), tokens(gold), frozenset(tokens(question))
    if not given or not accepted:
        symbols = prediction.split()
        return bool(symbols) and symbols == gold.split()
    if "".join(_bare(given)) == "".join(_bare(accepted)) or _is_acronym(prediction, gold):
        return True
    verdict = same_date(prediction, gold, dates_in(question))
    if verdict is None:
        verdict = same_number(prediction, gold, asked)
    if verdict is not None:
        return verdict
    if _contains(prediction, gold) and not set(content(accepted)) <= asked:
        return True
    if _conflicts(given, accepted):
        return False
    if _is_part(given, accepted, asked):
        return True
    if asks_for_person(question) and is_name(gold):
        return same_name(prediction, gold)
    return _overlaps(given, accepted, asked)


def _bare(items: Sequence[str]) -> list[str]:
    """Tokens without articles, unless nothing else is there."""
    return [token for token in items if token not in ("a", "an", "the")] or list(items)


def _contains(prediction: str, gold: str) -> bool:
    given, accepted = tokens(prediction), tokens(gold)
    if not content(accepted):
        return bool(accepted) and given == accepted
    return holds_in_order(given, accepted) or holds_in_order(content(given), content(accepted))


def _conflicts(given: Sequence[str], accepted: Sequence[str]) -> bool:
    """Whether the accepted answer has numbers and the prediction none of them: ``group 1``."""
    numbers = {token for token in accepted if is_number(token)}
    return bool(numbers) and not numbers & set(given)


def _is_part(given: Sequence[str], accepted: Sequence[str], asked: frozenset[str]) -> bool:
    """Whether the prediction is the accepted answer with words left out: ``Kirsten Vangsness``."""
    own = set(content(given))
    return bool(own - asked) and own <= set(content(accepted))


def _overlaps(given: Sequence[str], accepted: Sequence[str], asked: frozenset[str]) -> bool:
    """Whether enough tokens are shared, one of them at least that the question does not say."""
    own, right = (tuple(t[:_STEM] for t in content(side)) for side in (given, accepted))
    said = {token[:_STEM] for token in asked}
    own_new, right_new = (tuple(t for t in side if t not in said) or side for side in (own, right))
    if not _shared(own_new, right_new):
        return False
    if max(_f1(own, right), _f1(own_new, right_new)) >= _OVERLAP:
        return True
    return len(own) > len(right) > 0 and len(_shared(own, right_new)) >= _SHARE * len(right_new)


def _shared(one: Sequence[str], other: Sequence[str]) -> list[str]:
    return list((Counter(one) & Counter(other)).elements())


def _f1(one: Sequence[str], other: Sequence[str]) -> float:
    shared = len(_shared(one, other))
    return 2 * shared / (len(one) + len(other)) if shared else 0.0


def _is_acronym(one: str, other: str) -> bool:
    """Whether one has the initials of the other in capitals: ``DMV``."""
    for short, long in ((one, other), (other, one)):
        initials = "".join(token[0] for token in content(tokens(long)))
        if len(initials) > 1 and initials.upper() in _CAPITALS.findall(short):
            return True
    return False
