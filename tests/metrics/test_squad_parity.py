"""The same scores as SQuAD's scorer (the copy of it in transformers)."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from odqa.metrics.answers import exact_match, f1, normalise_answer
from odqa.metrics.unspaced import has_unspaced

peer = pytest.importorskip(
    "transformers.data.metrics.squad_metrics", reason="transformers 5 has no SQuAD scorer"
)

PIECES = [
    *(
        "the",
        "The",
        "a",
        "AN",
        "theatre",
        "anthem",
        "U.S.A.",
        "1,200.5",
        "$5",
        "50%",
        "C++",
        "don't",
    ),
    *(
        "Zoë",
        "Zoe\u0308",
        "ΟΔΟΣ",
        "İstanbul",
        "straße",
        "北京",
        "—",
        "’s",
        "“q”",
        "\u00a0",
        "\t",
        " ",
    ),
    *("...", "!", "", "-", "a-b", "the-end", "a_b", "\u200b", "ﬁn", "²", "\n", "an.", "(the)"),
]


def check(prediction: str, gold: str) -> bool:
    """Compare one case; False when it is of the two kinds that differ on purpose."""
    assert normalise_answer(prediction) == peer.normalize_answer(prediction)
    if not normalise_answer(gold) or has_unspaced(prediction + gold):
        return False
    assert exact_match(prediction, gold) == peer.compute_exact(gold, prediction)
    assert f1(prediction, gold) == peer.compute_f1(gold, prediction)
    return True


def adversarial(count: int) -> Iterator[tuple[str, str]]:
    source = random.Random(0)
    for _ in range(count):
        gold = source.choices(PIECES, k=source.randint(1, 4))
        prediction = [piece for piece in gold if source.random() < 0.8]
        prediction += source.choices(PIECES, k=source.choice([0, 0, 1, 2]))
        source.shuffle(prediction)
        joint = source.choice([" ", "  ", ""])
        yield joint.join(prediction), joint.join(gold)


def test_adversarial_cases() -> None:
    compared = [check(prediction, gold) for prediction, gold in adversarial(3000)]
    assert 2200 < sum(compared) < 3000


def real(folder: Path, rows: int) -> Iterator[tuple[str, str]]:
    source = random.Random(1)
    for name in ("squad", "qed", "nq-swap"):
        with gzip.open(folder / "reading" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            for _, line in zip(range(rows), lines, strict=False):
                row = json.loads(line)
                words = row["context"].split()
                start = source.randrange(len(words))
                span = " ".join(words[start : start + source.randint(1, 6)])
                for answer in row["answers"]:
                    longer = f"{source.choice(words)} {answer} {source.choice(words)}"
                    yield from ((guess, answer) for guess in (span, answer.title(), longer))


def test_real_cases(shared_data: Path) -> None:
    compared = [check(prediction, gold) for prediction, gold in real(shared_data, 200)]
    assert sum(compared) >= 1000


def test_the_one_deliberate_difference() -> None:
    # SQuAD: two different answers that both vanish are the same.
    assert peer.compute_exact("%", "") == peer.compute_exact("The The", "a") == 1
    assert exact_match("", "%") == exact_match("a", "The The") == 0.0
    assert exact_match("the the", "The The") == exact_match("%", "%") == 1.0
