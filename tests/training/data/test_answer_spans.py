from __future__ import annotations

import numpy as np

from odqa.readers.windows import Window
from odqa.training.data.answer_spans import find_answers, span_targets


def test_answers_are_found_as_whole_words_wherever_they_stand() -> None:
    text = "Art by Art Carney; Arthur left art."
    assert find_answers(text, ["Art"]) == [(0, 3), (7, 10)]
    assert find_answers(text, ["ART"]) == [(0, 3), (7, 10), (31, 34)]
    assert find_answers(text, ["Carney", " ", "nobody"]) == [(11, 17)]


def test_targets_are_the_first_and_last_token_of_an_answer() -> None:
    # [CLS] q [SEP] New York ##ers won [SEP]: words at 0-3, 4-11 (two pieces), 12-15.
    window = Window(
        passage=0,
        features={},
        allowed=np.array([0, 0, 0, 1, 1, 1, 1, 0], dtype=bool),
        null=0,
        starts=np.array([0, 0, 0, 0, 4, 4, 12, 0]),
        ends=np.array([0, 0, 0, 3, 11, 11, 15, 0]),
    )
    first, last = span_targets(window, [(0, 11)])
    assert first == [0, 0, 0, 1, 0, 0, 0, 0]
    assert last == [0, 0, 0, 0, 0, 1, 0, 0]
    # An answer that the window cuts off is no target.
    assert span_targets(window, [(12, 30)]) == ([0] * 8, [0] * 8)
