"""Both RAG readers against transformers' own, on the same tiny generators."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from pydantic import ValidationError
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from odqa.cache import Cache
from odqa.data.corpus import Corpus
from odqa.readers.rag import RagConfig, RagReader, RagSequenceReader, RagTokenReader
from odqa.testing.tiny_generators import tiny_generator
from odqa.types import Hit, Passage, Query

QUESTIONS = [
    Query("q0", "who built the tower bridge"),
    Query("q1", "which river flows through the city"),
]
PASSAGES = [
    Passage("a", "A king built the tower in the north, 1894.", "Tower Bridge"),
    Passage("b", "The river flows through the city by the old bridge and south of it.", "River"),
    Passage("c", "A poem.", ""),
]
HITS = [
    [Hit("a", 1.3), Hit("b", 0.9), Hit("c", -0.4)],
    [Hit("b", 0.7), Hit("c", 0.6), Hit("a", 0.1)],
]
HOMES = {
    RagSequenceReader: "RagSequenceForGeneration",
    RagTokenReader: "RagTokenForGeneration",
}
KINDS = list(HOMES)


BEAMS, SCALE = (1, 3), 2.0


@pytest.fixture(scope="module", params=["bart", "t5"])
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first random generator that says something in every way; versions of transformers draw
    other weights."""
    for seed in range(2, 40):
        folder = tmp_path_factory.mktemp(request.param)
        if request.param == "t5":
            tiny_generator(folder, "t5", seed=seed, spread=1.0)
        else:
            tiny_generator(folder, "bart", seed=seed, forced_bos_token_id=0)
        if all(_speaks(kind, folder, beams) for kind in KINDS for beams in BEAMS):
            return folder
    raise AssertionError("no seed makes a generator that says something")


def _speaks(kind: type[RagReader], folder: Path, beams: int) -> bool:
    rag, tokenizer = home(kind, folder)
    for question, hits in zip(QUESTIONS, HITS, strict=True):
        said = answered(kind, rag, inputs(tokenizer, question, hits, SCALE), beams)[0, 1:].tolist()
        if len(said) < 3 or tokenizer.pad_token_id in said:
            return False
    return True


def answered(
    kind: type[RagReader], rag: Any, arguments: dict[str, Any], beams: int
) -> torch.Tensor:
    """What transformers' RAG generates."""
    settings = rag.generator.generation_config.to_dict() | {"max_length": 8, "num_beams": beams}
    rag.generation_config = transformers.GenerationConfig.from_dict(settings)
    options = {} if kind is RagTokenReader else {"max_length": 8, "num_beams": beams}
    out: torch.Tensor = rag.generate(**arguments, **options, n_docs=3, num_return_sequences=1)
    return out


def reader(kind: type[RagReader], checkpoint: Path, tmp_path: Path, **settings: Any) -> RagReader:
    config = {"checkpoint": str(checkpoint), "max_answer_tokens": 7, **settings}
    config = {"max_length": 64} | config
    rag = kind(RagConfig.model_validate(config))
    rag.prepare(Corpus.from_passages(PASSAGES), Cache(tmp_path / "cache"))
    return rag


def home(kind: type[RagReader], checkpoint: Path) -> tuple[Any, Any]:
    """transformers' model around the generator; its question encoder is never asked."""
    generator = AutoModelForSeq2SeqLM.from_pretrained(checkpoint, dtype=torch.float32)
    tiny = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    encoder = transformers.BertModel(transformers.BertConfig(**tiny, intermediate_size=8))
    config = transformers.RagConfig.from_question_encoder_generator_configs(
        encoder.config, generator.config, n_docs=3
    )
    config.bos_token_id = generator.config.bos_token_id
    rag = getattr(transformers, HOMES[kind])(config, question_encoder=encoder, generator=generator)
    # RAG's thorough decoding passes no mask; transformers 5 then no longer leaves padding out.
    generate, pad = generator.generate, generator.config.pad_token_id
    generator.generate = lambda ids, **options: generate(
        ids, **options | {"attention_mask": (ids != pad).long()}
    )
    return rag.eval(), AutoTokenizer.from_pretrained(checkpoint)


def inputs(tokenizer: Any, question: Query, hits: list[Hit], scale: float = 1.0) -> dict[str, Any]:
    passages = [next(p for p in PASSAGES if p.id == hit.passage_id) for hit in hits]
    texts = [f"{p.title} / {p.text} // {question.text}" for p in passages]
    encoded = tokenizer(
        texts, padding="max_length", max_length=64, truncation=True, return_tensors="pt"
    )
    return {
        "context_input_ids": encoded["input_ids"],
        "context_attention_mask": encoded["attention_mask"],
        "doc_scores": torch.tensor([[scale * hit.score for hit in hits]]),
    }


@pytest.mark.parametrize("beams", BEAMS)
@pytest.mark.parametrize("kind", KINDS)
def test_it_answers_and_scores_as_transformers(
    kind: type[RagReader], checkpoint: Path, tmp_path: Path, beams: int
) -> None:
    rag, tokenizer = home(kind, checkpoint)
    ours = reader(kind, checkpoint, tmp_path, beams=beams, score_scale=SCALE)
    for question, hits in zip(QUESTIONS, HITS, strict=True):
        arguments = inputs(tokenizer, question, hits, SCALE)
        out = answered(kind, rag, arguments, beams)
        (answer,) = ours.read([question], [hits])
        expected = tokenizer.decode(out[0], skip_special_tokens=True).strip()
        assert answer.text.lower() == expected.lower()
        with torch.no_grad():
            scored = rag(
                **arguments, labels=out, n_docs=3, reduce_loss=False, exclude_bos_score=True
            )
        forced = float(kind is RagTokenReader and out[0, 1] == 0)
        # RagToken's own loss counts the forced start; decoding gives it probability 1.
        if forced:
            with torch.no_grad():
                start = rag(**arguments, labels=out[:, :2], n_docs=3, reduce_loss=False)
            scored["loss"] = scored["loss"] - start["loss"]
        assert answer.score == pytest.approx(-float(scored["loss"]), abs=1e-4)


def test_the_two_marginalise_differently(checkpoint: Path, tmp_path: Path) -> None:
    scores = [reader(kind, checkpoint, tmp_path).read(QUESTIONS, HITS)[0].score for kind in KINDS]
    assert abs(scores[0] - scores[1]) > 1e-3


@pytest.mark.parametrize("beams", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_is_as_one_at_a_time(
    kind: type[RagReader], checkpoint: Path, tmp_path: Path, beams: int
) -> None:
    rag = reader(kind, checkpoint, tmp_path, beams=beams)
    hits = [HITS[0], HITS[1][:2], [], HITS[1][:1]]
    questions = [*QUESTIONS, Query("q2", "x"), Query("q3", "who was the king")]
    together = rag.read(questions, hits)
    assert together[2].text == ""
    for question, question_hits, answer in zip(questions, hits, together, strict=True):
        (alone,) = rag.read([question], [question_hits])
        assert alone.text == answer.text
        assert alone.score == pytest.approx(answer.score, abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_certain_passage_decides_alone(
    kind: type[RagReader], checkpoint: Path, tmp_path: Path
) -> None:
    rag = reader(kind, checkpoint, tmp_path, score_scale=1e4)
    certain = rag.read(QUESTIONS, HITS)
    alone = rag.read(QUESTIONS, [hits[:1] for hits in HITS])
    for first, second in zip(certain, alone, strict=True):
        if kind is RagTokenReader:
            assert first.text == second.text
        # Another passage may have proposed something that the certain one finds likelier.
        assert first.score >= second.score - 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_the_text_read_is_the_specs(
    kind: type[RagReader], checkpoint: Path, tmp_path: Path
) -> None:
    rag = reader(kind, checkpoint, tmp_path, input="question: {question} context: {text}")
    _, tokenizer = home(kind, checkpoint)
    expected = tokenizer("question: who built the tower bridge context: A poem.")["input_ids"]
    assert rag._rows(QUESTIONS[0], [PASSAGES[2]]) == [expected]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{question} {context}", "{context} is no place to fill in; known: question, title, text"),
        ("{question}", "has no {text}"),
        ("{text}", "has no {question}"),
        ("{question", "not a text with places"),
        ("{question} {text} {0}", "{0} is no place"),
    ],
)
def test_a_text_without_its_places_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        RagConfig(checkpoint="x", input=text)
    assert message in str(caught.value)


def test_cost_by_hand(tmp_path: Path) -> None:
    """Two passages, two tokens: RAG-Token decodes them once for each, RAG-Sequence three times."""
    folder = tiny_generator(tmp_path / "t5", "t5")
    token, sequence = (
        reader(kind, folder, tmp_path, max_answer_tokens=2)
        for kind in (RagTokenReader, RagSequenceReader)
    )
    d, i, f, v = 32, 32, 64, token._model.config.vocab_size
    encoder = decoder = 0
    for row in token._rows(QUESTIONS[0], PASSAGES[:2]):
        n = len(row)
        encoder += 2 * (n * (8 * d * i + 4 * d * f) + 4 * i * n * n) + 2 * 4 * n * d * i
        decoder += 2 * (2 * (12 * d * i + 4 * d * f) + 4 * i * (3 + 2 * n)) + 2 * 2 * d * v
    hits = HITS[0][:2]
    assert token.cost(QUESTIONS[0], hits).gflop == pytest.approx((encoder + decoder) / 1e9)
    assert sequence.cost(QUESTIONS[0], hits).gflop == pytest.approx((encoder + 3 * decoder) / 1e9)
