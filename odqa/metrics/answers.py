"""Exact match and token F1 of an answer, as SQuAD and DPR compute them.

The normalisation is that of the SQuAD v1.1 evaluation (Rajpurkar et al. 2016), which DPR
(Karpukhin et al. 2020) uses for Natural Questions. It can turn a short answer into an empty text:
the band "The The", vitamin "A", the symbol "%". For SQuAD's scorer every prediction that becomes
empty too is then an exact match, also one that was empty before. Here such a gold answer is
compared without normalisation, except for case and white space, and an empty prediction is never
right.

In scripts without spaces (`odqa.metrics.unspaced`) each character is a word and Unicode's
punctuation is deleted too, as MLQA's evaluation (Lewis et al. 2020) does for Chinese: otherwise F1
would be exact match, and a full stop a wrong answer.

Where accepted answers are regular expressions (CuratedTREC), one of them must match from the
beginning of the prediction, as in the evaluation of DrQA (Chen et al. 2017) and ORQA (Lee et al.
2019). There is no F1 then: token overlap with an expression means nothing.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from odqa.metrics.patterns import compiled
from odqa.metrics.unspaced import has_unspaced, split_unspaced

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalise_answer(text: str) -> str:
    """Lower-case, then delete ASCII punctuation, then articles, then surplus white space."""
    unpunctuated = text.lower().translate(_NO_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", unpunctuated).split())


def exact_match(prediction: str, gold: str) -> float:
    """1.0 when both are the same after normalisation, else 0.0."""
    predicted, accepted = _comparable(prediction, gold)
    return float(bool(predicted) and predicted == accepted)


def f1(prediction: str, gold: str) -> float:
    """Harmonic mean of token precision and recall after normalisation, 0.0 to 1.0."""
    predicted, accepted = _comparable(prediction, gold)
    shared = sum((Counter(predicted) & Counter(accepted)).values())
    if not shared:
        return 0.0
    precision, recall = shared / len(predicted), shared / len(accepted)
    return 2 * precision * recall / (precision + recall)


def best_exact_match(prediction: str, golds: Iterable[str]) -> float:
    """`exact_match` with the accepted answer that fits best; 0.0 when none is accepted."""
    return _best(exact_match, prediction, golds)


def best_f1(prediction: str, golds: Iterable[str]) -> float:
    """`f1` with the accepted answer that fits best; 0.0 when none is accepted."""
    return _best(f1, prediction, golds)


def answer_figures(predictions: Sequence[str], golds: Sequence[Sequence[str]]) -> dict[str, float]:
    """EM and F1, each 0 to 1: means of `best_exact_match` and `best_f1` over questions.

    Args:
        predictions: one per question, at least one; empty where there is no answer.
        golds: accepted answers of each question, in the same order.
    """
    pairs = list(zip(predictions, golds, strict=True))
    return {
        "EM": sum(best_exact_match(prediction, gold) for prediction, gold in pairs) / len(pairs),
        "F1": sum(best_f1(prediction, gold) for prediction, gold in pairs) / len(pairs),
    }


def pattern_match(prediction: str, pattern: str) -> float:
    """1.0 when the expression matches from the first character, case ignored, else 0.0.

    An empty prediction matches nothing, nor does an expression that does not compile.
    """
    expression = compiled(pattern)
    return float(bool(prediction.strip()) and bool(expression and expression.match(prediction)))


def best_pattern_match(prediction: str, patterns: Iterable[str]) -> float:
    """`pattern_match` with the accepted expression that fits best; 0.0 when none is accepted."""
    return _best(pattern_match, prediction, patterns)


def answer_length(text: str) -> int:
    """Words of the answer, counted at white space; in scripts without it, characters."""
    return len(_parted(text.split()))


def _best(score: Callable[[str, str], float], prediction: str, golds: Iterable[str]) -> float:
    return max((score(prediction, gold) for gold in golds), default=0.0)


def _comparable(prediction: str, gold: str) -> tuple[list[str], list[str]]:
    """The words of both, after normalisation unless that leaves no accepted answer."""
    accepted = _words(gold)
    if accepted:
        return _words(prediction), accepted
    return prediction.lower().split(), gold.lower().split()


def _words(text: str) -> list[str]:
    normalised = normalise_answer(text)
    if has_unspaced(normalised):
        normalised = "".join(c for c in normalised if unicodedata.category(c)[0] != "P")
    return _parted(normalised.split())


def _parted(words: Iterable[str]) -> list[str]:
    return [part for word in words for part in split_unspaced(word)]
