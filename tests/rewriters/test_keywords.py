from __future__ import annotations

import pytest

from odqa.rewriters.keywords import KeywordsConfig, KeywordsRewriter
from odqa.types import Query


def texts(question: str, **parameters: bool) -> list[str]:
    (found,) = KeywordsRewriter(KeywordsConfig(**parameters)).rewrite([Query("q", question)])
    return found


@pytest.mark.parametrize(
    ("question", "keywords"),
    [
        ("who designed the Eiffel Tower", "designed Eiffel Tower"),
        ("When was the “Titanic” built?", "“Titanic” built?"),
        # Nothing else is left: it stays as it is.
        ("WHAT IS The Who", "WHAT IS The Who"),
        ("where is it?", "where is it?"),
        ("what is this ?", "what is this ?"),
        ("  how   many moons  has Mars ", "many moons Mars"),
        ("is the U.S. in NATO", "U.S. NATO"),
    ],
)
def test_function_words_are_left_out(question: str, keywords: str) -> None:
    assert texts(question) == [keywords]


def test_the_question_can_be_kept_beside_them() -> None:
    both = texts("who designed the Eiffel Tower", keep_question=True)
    assert both == ["who designed the Eiffel Tower", "designed Eiffel Tower"]
    # Once is enough where there is nothing to leave out.
    assert texts("Eiffel Tower", keep_question=True) == ["Eiffel Tower"]
    assert texts("who was it", keep_question=True) == ["who was it"]


def test_one_list_a_question_in_order() -> None:
    rewriter = KeywordsRewriter(KeywordsConfig())
    asked = [Query("1", "the river"), Query("2", "the sea"), Query("3", "the")]
    assert rewriter.rewrite(asked) == [["river"], ["sea"], ["the"]]
