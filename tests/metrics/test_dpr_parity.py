"""The same decisions as DPR's scorer (the copy of it in pyserini, loaded without its Java)."""

from __future__ import annotations

import csv
import gzip
import importlib.util
import json
import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import ModuleType

import pytest

from odqa.metrics.has_answer import has_answer
from odqa.metrics.tokens import simple_tokens
from odqa.metrics.unspaced import has_unspaced
from odqa.types import Matching

PIECES = [
    *("the", "Paris", "PARIS", "comparison", "U.S.", "1,200.5", "$5", "50%", "C++", "don't", "n't"),
    *("Zoë", "Zoe\u0308", "zoe", "ΟΔΟΣ", "ΑΣ'ΑΣ", "İstanbul", "i̇stanbul", "straße", "北京", "京"),
    *(
        "—",
        "’s",
        "\u00a0",
        "\t",
        "\u200b",
        "\x00",
        "ﬁn",
        "²",
        "한국",
        "हिन्दी",
        "😀",
        "👩\u200d🚀",
        "_",
    ),
]
PATTERNS = [
    r"\d+",
    r"par.s",
    r"^the",
    r"50%",
    r"(zo",
    r"[a",
    r"c++",
    r"C\+\+",
    r"zo\w+",
    r"\bu\.s",
    "",
]


@pytest.fixture(scope="module")
def peer() -> ModuleType:
    package = importlib.util.find_spec("pyserini")
    if package is None or package.origin is None:
        pytest.skip("pyserini is not installed")
    path = Path(package.origin).parent / "eval" / "evaluate_dpr_retrieval.py"
    spec = importlib.util.spec_from_file_location("dpr_scorer", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def adversarial(count: int, endings: list[str]) -> Iterator[tuple[str, list[str]]]:
    source = random.Random(0)
    for _ in range(count):
        pieces = source.choices(PIECES, k=source.randint(0, 8))
        text = source.choice([" ", ""]).join(pieces)
        start = source.randint(0, len(text))
        cut = text[start : start + source.randint(1, 9)]
        yield text, [source.choice([cut, cut.upper(), source.choice(endings)]) for _ in range(2)]


def real(folder: Path, passages: int) -> Iterator[tuple[str, list[str]]]:
    with (folder / "nq-mini" / "nq-dev.jsonl").open(encoding="utf-8") as lines:
        answers = [json.loads(line)["answer"] for line in lines]
    path = folder / "nq-mini" / "passages.tsv.gz"
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        texts = [row[1] for row in islice(csv.reader(lines, delimiter="\t"), 1, passages + 1)]
    source = random.Random(2)
    for text in texts:
        words = text.split()
        start = source.randrange(len(words))
        yield text, [" ".join(words[start : start + 3]).strip(".,")]
        yield from ((text, accepted) for accepted in source.sample(answers, 3))


def agree(peer: ModuleType, text: str, answers: list[str], matching: Matching) -> bool:
    tokenizer = peer.SimpleTokenizer()
    expected = peer.has_answers(text, answers, tokenizer, regex=matching == "regex")
    assert has_answer(text, answers, matching) is expected, (text, answers)
    return expected


def test_tokens_of_adversarial_text(peer: ModuleType) -> None:
    for text, _ in adversarial(1500, PIECES):
        expected = peer.SimpleTokenizer().tokenize(peer._normalize(text)).words(uncased=True)
        assert simple_tokens(text) == expected


def test_adversarial_cases(peer: ModuleType) -> None:
    cases = list(adversarial(3000, PIECES))
    cases = [(text, answers) for text, answers in cases if all(map(simple_tokens, answers))]
    unspaced = [case for case in cases if has_unspaced("".join((case[0], *case[1])))]
    cases = [case for case in cases if case not in unspaced]
    decisions = [agree(peer, text, answers, "tokens") for text, answers in cases]
    # Where characters are tokens, everything that DPR finds is found, and more.
    more = 0
    for text, answers in unspaced:
        expected = peer.has_answers(text, answers, peer.SimpleTokenizer(), regex=False)
        assert has_answer(text, answers) >= expected
        more += has_answer(text, answers) > expected
    assert more > 20
    assert len(decisions) > 1500
    assert 300 < sum(decisions) < len(decisions) - 300


def test_adversarial_patterns(peer: ModuleType) -> None:
    decisions = [agree(peer, *case, "regex") for case in adversarial(1500, PATTERNS)]
    assert 100 < sum(decisions) < len(decisions) - 100


def test_real_cases(peer: ModuleType, shared_data: Path) -> None:
    decisions = [agree(peer, *case, "tokens") for case in real(shared_data, 400)]
    assert len(decisions) >= 1000
    assert sum(decisions) > 300


def test_the_one_deliberate_difference(peer: ModuleType) -> None:
    # An answer without a token is in every passage for DPR.
    assert peer.has_answers("anything", ["\u200b"], peer.SimpleTokenizer())
    assert not has_answer("anything", ["\u200b"])
