"""DPR's reader against transformers: its inputs, logits and best spans."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import DPRConfig, DPRReader, DPRReaderTokenizerFast

from odqa.cache import Cache
from odqa.data.corpus import Corpus
from odqa.errors import CheckpointError
from odqa.readers.dpr import DprReader, DprReaderConfig
from odqa.testing.tiny_checkpoints import tiny_bert, tiny_dpr_reader
from odqa.types import Hit, Passage, Query

QUESTIONS = [
    Query("q0", "who built the tower bridge"),
    Query("q1", "which river flows through the city"),
]
PASSAGES = [
    Passage("a", "A king built the tower in the north, 1894.", "Tower Bridge"),
    Passage("b", "The river flows through the city by the old bridge and south of it.", "River"),
    Passage("c", "A poem by the last king of the century, born in the year of the engine.", ""),
    Passage("d", "The engine opened.", "Engine"),
]
HITS = [
    [Hit(p.id, -float(n)) for n, p in enumerate(PASSAGES)],
    [Hit(p.id, -float(n)) for n, p in enumerate(PASSAGES[::-1])],
]


@pytest.fixture(scope="module", params=[0, 1, 2])
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_dpr_reader(tmp_path_factory.mktemp("dpr"), seed=request.param)


def reader(checkpoint: Path, tmp_path: Path, **settings: Any) -> DprReader:
    dpr = DprReader(DprReaderConfig.model_validate({"checkpoint": str(checkpoint), **settings}))
    dpr.prepare(Corpus.from_passages(PASSAGES), Cache(tmp_path / "cache"))
    return dpr


@pytest.mark.parametrize("most", [350, 24])
@pytest.mark.parametrize("longest", [10, 3])
def test_it_answers_as_transformers(
    checkpoint: Path, tmp_path: Path, most: int, longest: int
) -> None:
    model = DPRReader.from_pretrained(checkpoint).eval()
    tokenizer = DPRReaderTokenizerFast.from_pretrained(checkpoint)
    dpr = reader(checkpoint, tmp_path, max_length=most, max_answer_tokens=longest, batch_size=3)
    answers = dpr.read(QUESTIONS, HITS)
    for question, hits, answer in zip(QUESTIONS, HITS, answers, strict=True):
        passages = [next(p for p in PASSAGES if p.id == hit.passage_id) for hit in hits]
        encoded = tokenizer(
            questions=question.text,
            titles=[p.title for p in passages],
            texts=[p.text for p in passages],
            padding=True,
            truncation=True,
            max_length=most,
        )
        ours = dpr._inputs(question, passages)
        pad = tokenizer.pad_token_id
        assert [one.ids for one in ours] == [
            [i for i in row if i != pad] for row in encoded["input_ids"]
        ]
        with torch.no_grad():
            out = model(
                input_ids=torch.tensor(encoded["input_ids"]),
                attention_mask=torch.tensor(encoded["attention_mask"]),
            )
        best, *_ = tokenizer.decode_best_spans(
            encoded, out, num_spans=1, max_answer_length=longest, num_spans_per_passage=1
        )
        assert answer.passage_id == passages[best.doc_id].id
        spans = dpr._predict(ours)
        for number, (one, span) in enumerate(zip(ours, spans, strict=True)):
            assert span is not None
            assert span.relevance == pytest.approx(float(out.relevance_logits[number]), abs=1e-5)
            text = slice(one.first, len(one.ids))
            starts = out.start_logits[number, text].log_softmax(0)
            ends = out.end_logits[number, text].log_softmax(0)
            expected = float(starts[span.first] + ends[span.last])
            assert span.span == pytest.approx(expected, abs=1e-5)
        one, span = ours[best.doc_id], spans[best.doc_id]
        assert span is not None
        ((first, last),) = tokenizer._get_best_spans(
            out.start_logits[best.doc_id, one.first : len(one.ids)].tolist(),
            out.end_logits[best.doc_id, one.first : len(one.ids)].tolist(),
            max_answer_length=longest,
            top_spans=1,
        )
        assert (span.first, span.last) == (first, last)
        # Up to 4.57 transformers looks for the first separator, not, as its comment says, the
        # second: its best span may lie in the title. DPR's own code has none there.
        if best.start_index >= one.first:
            assert (first, last) == (best.start_index - one.first, best.end_index - one.first)
        selected = out.relevance_logits.log_softmax(0)[best.doc_id]
        assert answer.score == pytest.approx(float(selected) + span.span, abs=1e-5)


def test_a_span_is_made_of_whole_words_of_its_passage(checkpoint: Path, tmp_path: Path) -> None:
    for answer in reader(checkpoint, tmp_path, max_answer_tokens=1).read(QUESTIONS, HITS):
        passage = next(p for p in PASSAGES if p.id == answer.passage_id)
        assert answer.start is not None
        assert answer.end is not None
        assert passage.text[answer.start : answer.end] == answer.text
        around = passage.text[: answer.start][-1:] + passage.text[answer.end :][:1]
        assert not answer.text.isalnum() or not any(letter.isalnum() for letter in around)


def test_incoming_scores_and_order_do_not_count(checkpoint: Path, tmp_path: Path) -> None:
    dpr = reader(checkpoint, tmp_path)
    (first,) = dpr.read(QUESTIONS[:1], HITS[:1])
    (second,) = dpr.read(QUESTIONS[:1], HITS[1:])
    assert (first.text, first.passage_id) == (second.text, second.passage_id)


def test_only_the_first_passages_are_read(checkpoint: Path, tmp_path: Path) -> None:
    dpr = reader(checkpoint, tmp_path, passages=1)
    assert [answer.passage_id for answer in dpr.read(QUESTIONS, HITS)] == ["a", "d"]


def test_without_a_word_of_any_passage_there_is_no_answer(checkpoint: Path, tmp_path: Path) -> None:
    dpr = reader(checkpoint, tmp_path, max_length=16)
    long = Query("q", "who built the tower bridge of the north river in the last year of the king")
    (answer, empty) = dpr.read([long, long], [HITS[0], []])
    assert answer.text == empty.text == ""
    assert answer.passage_id is None


def test_cost_by_hand(checkpoint: Path, tmp_path: Path) -> None:
    dpr = reader(checkpoint, tmp_path)
    lengths = [len(one.ids) for one in dpr._inputs(QUESTIONS[0], PASSAGES[:2])]
    layer = sum(8 * n * 32**2 + 4 * n**2 * 32 + 4 * n * 32 * 64 for n in lengths)
    assert dpr.cost(QUESTIONS[0], HITS[0][:2]).gflop == pytest.approx(2 * layer / 1e9)


def test_other_checkpoints_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="that DPRReader needs are not in it"):
        reader(tiny_bert(tmp_path / "bert"), tmp_path)
    folder = tiny_dpr_reader(tmp_path / "dpr")
    with pytest.raises(CheckpointError, match="takes 512 tokens, max_length is 600"):
        reader(folder, tmp_path, max_length=600)


def test_no_number_is_named(tmp_path: Path) -> None:
    folder = tiny_dpr_reader(tmp_path / "dpr")
    model = DPRReader.from_pretrained(folder)
    with torch.no_grad():
        model.span_predictor.qa_classifier.weight.fill_(float("nan"))
    model.save_pretrained(folder)
    with pytest.raises(CheckpointError, match="passage 'a' for question 'q0' with no finite"):
        reader(folder, tmp_path).read(QUESTIONS, HITS)


def test_the_configuration_is_dprs(checkpoint: Path) -> None:
    assert isinstance(DPRReader.from_pretrained(checkpoint).config, DPRConfig)


def test_the_embedded_model_selects_the_passage_that_answers(tmp_path: Path) -> None:
    dpr = DprReader(DprReaderConfig())
    passages = [
        Passage("a", "The harvest of olives begins in October in most of the country.", "Olive"),
        Passage("b", "Its tallest tower, the Vellmar, was opened by Anna Holt in 1931.", "Vellmar"),
        Passage("c", "He played the violin before he turned to painting in Lisbon.", "Ruiz"),
    ]
    dpr.prepare(Corpus.from_passages(passages), Cache(tmp_path / "cache"))
    hits = [Hit(p.id, 0.0) for p in passages]
    questions = [
        Query("0", "in which month does the harvest of olives begin"),
        Query("1", "who opened the vellmar tower"),
    ]
    answers = dpr.read(questions, [hits] * 2)
    assert [(answer.passage_id, answer.text) for answer in answers] == [
        ("a", "October"),
        ("b", "Anna Holt"),
    ]
