from __future__ import annotations

from odqa.testing.toys import toy_dataset


def test_a_dataset_prints_its_size_and_shows_its_head() -> None:
    data = toy_dataset()
    assert repr(data) == "<Dataset toy: 3 questions (qrels of 2) over toy (4 passages)>"
    assert repr(data.questions) == "<QuestionSet toy (3 questions)>"
    assert repr(data.corpus) == "<Corpus toy (4 passages)>"
    shown = data._repr_html_()
    assert "Thames | River Thames" in shown and "Seine water flows through Paris" in shown
