"""The extractive reader: exact offsets, equal to transformers' pipeline, fair between passages."""

from __future__ import annotations

import math
import random
from importlib.metadata import version
from pathlib import Path

import pytest
from pydantic import ValidationError

from odqa.cache import Cache
from odqa.data.corpus import Corpus
from odqa.errors import CheckpointError, ComponentError, DataError
from odqa.readers import extractive
from odqa.readers.extractive import ExtractiveConfig, ExtractiveReader
from odqa.testing.tiny_checkpoints import WORDS, tiny_bert
from odqa.types import Answer, Hit, Passage, Question

QUESTIONS = [
    Question("q0", "who built the tower bridge"),
    Question("q1", "what is the river of the old king"),
    Question("q2", "when was the engine opened?"),
]


def text(seed: int, n_words: int) -> str:
    draw = random.Random(seed)
    picked = draw.choices([*WORDS.split(), "Zürich", "O'Neill's", "1894,", "(abc)"], k=n_words)
    return " ".join(picked)


CORPUS = [Passage(f"p{i}", text(i, 20 + 5 * i), "Old King" if i % 2 else "") for i in range(8)]
HITS = [Hit(passage.id, 5.0 - i) for i, passage in enumerate(CORPUS)]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(
        tmp_path_factory.mktemp("models") / "reader", "BertForQuestionAnswering", spread=0.5
    )


def prepared(folder: Path, **parameters: object) -> ExtractiveReader:
    reader = ExtractiveReader(ExtractiveConfig(checkpoint=str(folder), **parameters))
    reader.prepare(Corpus.from_passages(CORPUS), Cache(folder.parent / "cache"))
    return reader


@pytest.mark.slow
@pytest.mark.skipif(
    int(version("transformers").split(".")[0]) >= 5,
    reason="transformers 5 has no question-answering pipeline",
)
def test_best_span_equals_transformers_pipeline(checkpoint: Path) -> None:
    from transformers import pipeline

    home = pipeline("question-answering", model=str(checkpoint), device="cpu")
    # No word twice and none in pieces: the pipeline adds up the spans that read the same.
    draw = random.Random(0)
    once = [" ".join(draw.sample(WORDS.split(), 30)) for _ in range(10)]
    corpus = Corpus.from_passages(
        [Passage(str(i), passage_text) for i, passage_text in enumerate(once)]
    )
    config = ExtractiveConfig(
        checkpoint=str(checkpoint), compare="probability", passage_weight=0, max_answer_tokens=15
    )
    reader = ExtractiveReader(config)
    reader.prepare(corpus, Cache(checkpoint.parent / "cache"))
    for i, passage_text in enumerate(once):
        for question in QUESTIONS:
            expected = home(question=question.text, context=passage_text)
            (answer,) = reader.read([question], [[Hit(str(i), 1.0)]])
            assert (answer.start, answer.end) == (expected["start"], expected["end"])
            assert answer.text == expected["answer"]
            assert math.exp(answer.score) == pytest.approx(expected["score"], rel=1e-4)


@pytest.mark.parametrize("title", [True, False])
@pytest.mark.parametrize("windows", [{}, {"max_length": 32, "doc_stride": 8}])
def test_offsets_index_into_the_text(
    checkpoint: Path, title: bool, windows: dict[str, int]
) -> None:
    reader = prepared(checkpoint, title=title, **windows)
    by_id = {passage.id: passage.text for passage in CORPUS}
    for question in QUESTIONS:
        answers = reader.spans(question, HITS, 50)
        assert len(answers) == 50
        for answer in answers:
            assert answer.text
            assert by_id[answer.passage_id][answer.start : answer.end] == answer.text
            # Whole words only: what stands before and after is no letter.
            around = f" {by_id[answer.passage_id]} "
            assert not (around[answer.start].isalnum() and around[answer.start + 1].isalnum())
            assert not (around[answer.end].isalnum() and around[answer.end + 1].isalnum())
        scores = [answer.score for answer in answers]
        assert scores == sorted(scores, reverse=True)
        assert reader.read([question], [HITS]) == answers[:1]


def test_byte_level_tokenizers_keep_offsets_exact(tmp_path: Path) -> None:
    import torch
    from tokenizers import ByteLevelBPETokenizer
    from transformers import RobertaConfig, RobertaForQuestionAnswering, RobertaTokenizerFast

    bpe = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    bpe.train_from_iterator([WORDS], vocab_size=300, special_tokens=special, show_progress=False)
    bpe.save_model(str(tmp_path))
    tokenizer = RobertaTokenizerFast(str(tmp_path / "vocab.json"), str(tmp_path / "merges.txt"))
    tokenizer.save_pretrained(tmp_path)
    torch.manual_seed(0)
    config = RobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=514,
        initializer_range=0.5,
    )
    RobertaForQuestionAnswering(config).save_pretrained(tmp_path)
    reader = ExtractiveReader(
        ExtractiveConfig(checkpoint=str(tmp_path), max_length=64, doc_stride=16)
    )
    reader.prepare(Corpus.from_passages(CORPUS), Cache(tmp_path / "cache"))
    by_id = {passage.id: passage.text for passage in CORPUS}
    answers = reader.spans(QUESTIONS[0], HITS, 50)
    assert len(answers) == 50
    for answer in answers:
        text = by_id[answer.passage_id]
        assert text[answer.start : answer.end] == answer.text == answer.text.strip()


def test_a_long_passage_is_read_to_its_end(tmp_path: Path) -> None:
    folder = tiny_bert(tmp_path / "reader", "BertForQuestionAnswering", spread=0.5)
    long = Passage("long", "river " * 300 + "queen")
    reader = ExtractiveReader(
        ExtractiveConfig(checkpoint=str(folder), max_length=64, doc_stride=16)
    )
    reader.prepare(Corpus.from_passages([long]), Cache(tmp_path / "cache"))
    windows = reader._windows(QUESTIONS[0], [long])
    assert max(int(window.ends[window.allowed].max()) for window in windows) == len(long.text)
    # 301 words and the 5 letters that "queen" falls into; 56 tokens a window, 16 shared.
    assert len(windows) == 8


def test_a_passage_that_is_no_passage_is_refused_by_name(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extractive, "_LONGEST", len(CORPUS[3].full_text))
    reader = prepared(checkpoint, passages=4)
    # The first four are no longer than that.
    assert reader.read([QUESTIONS[0].query], [HITS])[0].text
    with pytest.raises(DataError) as caught:
        reader.read([QUESTIONS[0].query], [HITS[3:]])
    length = len(CORPUS[4].full_text)
    assert str(caught.value) == (
        f"corpus memory: passage 'p4' has {length} characters, too many to be read whole; "
        f"split it into passages, of {len(CORPUS[3].full_text)} characters at most"
    )


def test_passages_limit_what_is_read(checkpoint: Path) -> None:
    reader = prepared(checkpoint, passages=2)
    assert {a.passage_id for a in reader.spans(QUESTIONS[0], HITS, 99)} <= {"p0", "p1"}
    assert prepared(checkpoint, passages=1).read(QUESTIONS, [HITS] * 3) == reader.read(
        QUESTIONS, [HITS[:1]] * 3
    )


def test_passage_weight_moves_the_choice(checkpoint: Path) -> None:
    scored = [Hit("p0", 0.0), Hit("p1", 0.0), Hit("p2", 1.0)]
    (heavy,) = prepared(checkpoint, passage_weight=1000.0).read(QUESTIONS[:1], [scored])
    assert heavy.passage_id == "p2"
    plain = prepared(checkpoint, passage_weight=0)
    flat = [Hit(hit.passage_id, 0.0) for hit in scored]
    assert plain.read(QUESTIONS, [scored] * 3) == plain.read(QUESTIONS, [flat] * 3)
    weighted = prepared(checkpoint, passage_weight=2.0)
    bare = {(a.passage_id, a.start, a.end): a.score for a in plain.spans(QUESTIONS[0], scored, 99)}
    for answer in weighted.spans(QUESTIONS[0], scored, 20):
        # Standardised scores are -0.7071, -0.7071, 1.4142; their log-softmax:
        prior = -0.2152 if answer.passage_id == "p2" else -2.3365
        key = (answer.passage_id, answer.start, answer.end)
        if key in bare:
            assert answer.score == pytest.approx(bare[key] + 2 * prior, abs=1e-3)


def test_the_order_of_the_batch_does_not_matter(checkpoint: Path) -> None:
    together = prepared(checkpoint, batch_size=16).read(QUESTIONS, [HITS] * 3)
    single = prepared(checkpoint, batch_size=1)
    for question, expected in zip(QUESTIONS, together, strict=True):
        (alone,) = single.read([question], [HITS])
        assert (alone.text, alone.passage_id, alone.start) == (
            expected.text,
            expected.passage_id,
            expected.start,
        )
        assert alone.score == pytest.approx(expected.score, abs=1e-4)


def test_one_answer_per_question_also_without_hits(checkpoint: Path) -> None:
    reader = prepared(checkpoint)
    assert reader.read([], []) == []
    answers = reader.read(QUESTIONS, [[], HITS, []])
    assert answers[0] == answers[2] == Answer("", 0.0)
    assert answers[1].text
    assert reader.spans(QUESTIONS[0], [], 5) == []


@pytest.mark.parametrize("text", ["  ", "\x00\x07"], ids=["spaces", "control-characters"])
@pytest.mark.parametrize("title", ["Old King", ""])
def test_a_passage_without_text_has_no_answer(
    checkpoint: Path, tmp_path: Path, text: str, title: str
) -> None:
    reader = ExtractiveReader(ExtractiveConfig(checkpoint=str(checkpoint)))
    corpus = Corpus.from_passages([Passage("blank", text, title), CORPUS[0]])
    reader.prepare(corpus, Cache(tmp_path))
    blank = [Hit("blank", 2.0)]
    assert reader.read(QUESTIONS[:1], [blank]) == [Answer("", 0.0)]
    (answer,) = reader.read(QUESTIONS[:1], [[*blank, Hit("p0", 1.0)]])
    assert answer.passage_id == "p0"


def test_a_question_longer_than_the_window_is_cut(checkpoint: Path) -> None:
    long = Question("long", "who built the bridge " * 500)
    (answer,) = prepared(checkpoint, max_length=64, doc_stride=16).read([long], [HITS])
    assert answer.text


def test_longest_answer_binds(checkpoint: Path) -> None:
    reader = prepared(checkpoint, max_answer_tokens=1)
    answers = reader.spans(QUESTIONS[0], HITS, 99)
    assert answers
    # One token can stand for a whole word, never for two.
    assert all(len(answer.text.split()) == 1 for answer in answers)


def test_abstains_by_the_threshold_only(checkpoint: Path) -> None:
    plain = prepared(checkpoint)
    spans = plain._predict(plain._windows(QUESTIONS[0], [CORPUS[0]]))[0]
    gap = min(span.null for span in spans) - max(span.logit for span in spans)
    hits = HITS[:1]
    above, below = (
        prepared(checkpoint, null_threshold=gap + by).read(QUESTIONS[:1], [hits])[0]
        for by in (0.01, -0.01)
    )
    assert above == plain.read(QUESTIONS[:1], [hits])[0]
    assert (below.text, below.passage_id, below.start, below.end) == ("", None, None, None)


def test_aggregation_adds_up_mentions(checkpoint: Path) -> None:
    single = prepared(checkpoint).spans(QUESTIONS[0], HITS, 500)
    added = prepared(checkpoint, aggregate=True).spans(QUESTIONS[0], HITS, 500)
    before = {answer.text.lower(): answer.score for answer in single}
    assert len(added) == len(single)
    gains = [a.score - before[a.text.lower()] for a in added if a.text.lower() in before]
    assert min(gains) >= -1e-6
    assert max(gains) > 0.1


def test_ways_to_compare_windows_differ(checkpoint: Path) -> None:
    answers = {
        compare: prepared(checkpoint, compare=compare, passage_weight=0).spans(
            QUESTIONS[0], HITS, 30
        )
        for compare in ("logits", "odds", "probability")
    }
    orders = [[a.text for a in ranking] for ranking in answers.values()]
    assert orders[0] != orders[1] != orders[2]
    assert all(a.score < 0 for a in answers["probability"])


def test_cost_by_hand(checkpoint: Path) -> None:
    reader = prepared(checkpoint, passages=1, title=False)
    # The text of p0 and the question, in tokens, with [CLS] and two [SEP].
    tokens = len(reader._model.tokenizer(QUESTIONS[0].text, CORPUS[0].text)["input_ids"])
    layers = 2 * (8 * tokens * 32 * 32 + 4 * tokens**2 * 32 + 4 * tokens * 32 * 64)
    cost = reader.cost(QUESTIONS[0], HITS)
    assert cost.gflop == pytest.approx(layers / 1e9)
    assert cost.parameters > 0
    assert reader.cost(QUESTIONS[0], []).gflop == 0
    assert reader.describe() == {
        "device": "cpu",
        "dtype": "float32",
        "window tokens (at most)": "384",
    }


def test_windows_that_would_not_move_are_refused() -> None:
    with pytest.raises(ValidationError, match="max_length 200 is too small for doc_stride 128"):
        ExtractiveConfig(checkpoint="x", max_length=200)


def test_wrong_checkpoints_and_unprepared_are_one_line(tmp_path: Path) -> None:
    plain = tiny_bert(tmp_path / "bert")
    short = tiny_bert(tmp_path / "s", "BertForQuestionAnswering", max_position_embeddings=64)
    lines = []
    for folder in (plain, short, tmp_path / "nowhere"):
        with pytest.raises(CheckpointError) as caught:
            prepared(folder)
        lines.append(str(caught.value))
    assert "AutoModelForQuestionAnswering needs are not in it, such as 'qa_outputs" in lines[0]
    assert "takes 64 tokens, max_length is 384; set max_length to 64 or less" in lines[1]
    assert "no such checkpoint folder" in lines[2]
    assert not any("\n" in line for line in lines)
    with pytest.raises(ComponentError, match="not prepared"):
        ExtractiveReader(ExtractiveConfig(checkpoint="x")).read(QUESTIONS, [HITS] * 3)
