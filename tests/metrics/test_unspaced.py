from __future__ import annotations

import pytest

from odqa.metrics.answers import answer_length, exact_match, f1
from odqa.metrics.has_answer import has_answer
from odqa.metrics.tokens import simple_tokens
from odqa.metrics.unspaced import has_unspaced, split_unspaced


@pytest.mark.parametrize(
    ("token", "parts"),
    [
        ("lighthouse", ["lighthouse"]),
        ("naïve", ["naïve"]),
        ("маяк", ["маяк"]),
        ("서울은", ["서울은"]),
        ("于1923年漆", ["于", "1923", "年", "漆"]),
        ("NHK日本", ["NHK", "日", "本"]),
        ("一九〇三々", list("一九〇三々")),
        ("𠮷野家", list("𠮷野家")),
        # Decomposed: the voicing mark stays with its letter.
        ("ク\u3099ルーフ\u309a", ["ク\u3099", "ル", "ー", "フ\u309a"]),
        ("กรุง", ["ก", "รุ", "ง"]),
        ("ខ្មែរ", ["ខ្", "មែ", "រ"]),
        ("ဗုဒ္ဓ", ["ဗု", "ဒ္", "ဓ"]),
        ("ລາວ", ["ລ", "າ", "ວ"]),
    ],
)
def test_letters_without_spaces_stand_alone(token: str, parts: list[str]) -> None:
    assert split_unspaced(token) == parts
    assert has_unspaced(token) == (parts != [token])


@pytest.mark.parametrize(
    ("text", "answer", "holds"),
    [
        ("凯尔达角的灯塔由安娜布鲁克于1923年漆成绿色。", "安娜布鲁克", True),
        ("凯尔达角的灯塔由安娜布鲁克于1923年漆成绿色。", "1923", True),
        ("凯尔达角的灯塔由安娜布鲁克于1923年漆成绿色。", "923", False),
        ("凯尔达角的灯塔由安娜布鲁克于1923年漆成绿色。", "托马斯里德", False),
        ("灯塔由安娜、布鲁克漆成", "安娜布鲁克", False),
        ("灯台はアンナ・ブルックが塗った。", "アンナ・ブルック", True),
        # One of them is composed, the other is not.
        ("ガイドがいた", "カ\u3099イト\u3099", True),
        ("กรุงเทพมหานครเป็นเมืองหลวง", "กรุงเทพ", True),
        ("ទីក្រុងភ្នំពេញជារាជធានី", "ភ្នំពេញ", True),
        ("The band NHK日本 played", "nhk", True),
        # With spaces nothing changes: half a word is no answer.
        ("The lighthouse was painted", "light", False),
        ("Маяк покрашен", "покраш", False),
    ],
)
def test_answers_in_passages(text: str, answer: str, holds: bool) -> None:
    assert has_answer(text, [answer]) is holds


def test_dprs_own_tokens_are_unchanged() -> None:
    assert simple_tokens("凯尔达角的灯塔 in 1923年") == ["凯尔达角的灯塔", "in", "1923年"]


@pytest.mark.parametrize(
    ("prediction", "gold", "em", "overlap"),
    [
        # Two of the four characters of the prediction, and of the three accepted ones.
        ("阿尔河上", "阿尔桥", 0.0, 4 / 7),
        ("《三国演义》。", "三国演义", 1.0, 1.0),
        ("三国 演义", "三国演义", 1.0, 1.0),
        ("1923年", "1923", 0.0, 2 / 3),
        ("กรุงเทพ", "กรุงเทพ!", 1.0, 1.0),
        ("一九三一年", "", 0.0, 0.0),
        ("。", "安娜", 0.0, 0.0),
        # In scripts with spaces only ASCII's punctuation is deleted, as by SQuAD's scorer.
        ("«Маяк»", "Маяк", 0.0, 0.0),
    ],
)
def test_scores_of_answers(prediction: str, gold: str, em: float, overlap: float) -> None:
    assert exact_match(prediction, gold) == em
    assert f1(prediction, gold) == pytest.approx(overlap)


def test_an_answer_is_as_long_as_its_words() -> None:
    assert answer_length("the old lighthouse") == 3
    assert answer_length("安娜 Brook") == 3
