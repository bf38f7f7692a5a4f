from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch

from odqa.cache import Cache
from odqa.data.corpus import Corpus
from odqa.errors import CheckpointError, ComponentError
from odqa.rankers.retro import RetroRanker, RetroRankerConfig
from odqa.readers.retro import RetroReader, RetroReaderConfig
from odqa.retro.model.model import RetroModel
from odqa.retro.rank.scorer import RetroScorer
from odqa.retro.read.generation import Generated
from odqa.testing.conformance import check_reader
from odqa.testing.tiny_retro import tiny_retro
from odqa.types import Hit, Passage, Question

CORPUS = [
    Passage("p0", "the river of the old king", "river"),
    Passage("p1", "the engine was opened in the north by a king of the city", "engine"),
    Passage("p2", "The Tower Bridge", "bridge"),
    Passage("p3", "a poem", ""),
]
QUESTIONS = [
    Question("q0", "who built the tower"),
    Question("q1", "what is the river of the old king"),
    Question("q2", "when"),
]
HITS = [
    [Hit("p2", 3.0), Hit("p0", 2.0), Hit("p1", 1.0)],
    [Hit("p0", 1.0)],
    [Hit("p3", 2.0), Hit("p1", 1.0)],
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_retro(tmp_path_factory.mktemp("reader"), spread=0.4)


def make(folder: Path, **parameters: object) -> RetroReader:
    reader = RetroReader(RetroReaderConfig(checkpoint=str(folder), **parameters))
    reader.prepare(Corpus.from_passages(CORPUS), Cache(enabled=False))
    return reader


@pytest.mark.parametrize("layout", ["retro", "retro++", "closed-book"])
@pytest.mark.parametrize("beams", [1, 3])
def test_contract(folder: Path, layout: str, beams: int) -> None:
    reader = make(folder, layout=layout, beams=beams, max_answer_tokens=5)
    check_reader(reader, QUESTIONS, HITS)
    assert len({answer.text for answer in reader.read(QUESTIONS, HITS)}) > 1


def test_greedy_answer_is_the_full_forwards(folder: Path) -> None:
    """Token by token without any cache, the passages given to the prompt's chunk."""
    reader = make(folder, max_answer_tokens=4)
    (answer,) = reader.read([QUESTIONS[0]], [HITS[0]])
    model, tokenizer = RetroModel.from_pretrained(folder), reader._checkpoint.tokenizer
    m = model.config.chunk_length
    prompt = tokenizer("question: who built the tower answer:", add_special_tokens=False).input_ids
    texts = [f"{CORPUS[i].title} {CORPUS[i].text}" for i in (2, 0, 1)]
    encoded = tokenizer(texts, padding=True, truncation=True, max_length=40, return_tensors="pt")
    line = [0] * (m - len(prompt)) + prompt
    real = [False] * (m - len(prompt)) + [True] * len(prompt)
    total, new = 0.0, []
    with torch.no_grad():
        while len(new) < 4:
            logits = model(
                torch.tensor([line]),
                torch.tensor([real]),
                encoded.input_ids[None, None],
                encoded.attention_mask[None, None].bool(),
            ).logits[0, -1]
            token = int(logits.argmax())
            total += float(logits.log_softmax(-1)[token])
            if token == tokenizer.sep_token_id:
                break
            new.append(token)
            line, real = [*line, token], [*real, True]
    assert answer.text == tokenizer.decode(new, skip_special_tokens=True).strip()
    assert answer.score == pytest.approx(total / (len(new) + 1), abs=1e-4)


def test_what_each_layout_sees(folder: Path) -> None:
    """Closed-book sees no passage; RETRO all; RETRO++ the best one in the decoder only."""

    def score(layout: str, hits: list[Hit]) -> float:
        return (
            make(folder, layout=layout, max_answer_tokens=1).read([QUESTIONS[0]], [hits])[0].score
        )

    first, second = [Hit("p2", 2.0)], [Hit("p0", 2.0)]
    assert score("closed-book", first) == score("closed-book", second)
    assert score("retro", first) != pytest.approx(score("retro", second), abs=1e-4)
    assert score("retro++", first) != pytest.approx(score("retro++", second), abs=1e-4)
    assert score("retro++", first) != pytest.approx(score("retro", first), abs=1e-4)
    several = [*first, Hit("p1", 1.0)]
    assert score("retro++", several) != pytest.approx(score("retro++", first), abs=1e-4)
    # Passages enter by score, so a rank below the cut is not read.
    cut = make(folder, passages=1, max_answer_tokens=1)
    assert cut.read([QUESTIONS[0]], [several])[0].score == pytest.approx(
        score("retro", first), abs=1e-5
    )


def test_evidence_is_the_best_passage_with_the_answer(folder: Path) -> None:
    reader = make(folder)
    answering = reader._answering
    (ids,) = answering.tokens.bare(["tower bridge"])
    passages = [CORPUS[0], CORPUS[2]]
    answer = answering.answer(Generated(tuple(ids), -6.0), passages)
    # Spelled as it stands there, though the model knows no capitals.
    assert (answer.text, answer.passage_id, answer.start, answer.end) == (
        "Tower Bridge",
        "p2",
        4,
        16,
    )
    assert answer.score == -2.0
    assert CORPUS[2].text[4:16] == "Tower Bridge"
    nowhere = answering.answer(Generated(tuple(reversed(ids)), -3.0), passages)
    assert (nowhere.text, nowhere.passage_id) == ("bridge tower", None)
    assert answering.answer(Generated((), -1.0), passages).passage_id is None


def test_without_hits_only_the_closed_book_answers(folder: Path) -> None:
    assert make(folder).read(QUESTIONS[:1], [[]])[0].text == ""
    closed = make(folder, layout="closed-book", max_answer_tokens=3)
    assert closed.read(QUESTIONS[:1], [[]]) == closed.read(QUESTIONS[:1], HITS[:1])


@pytest.fixture(scope="module")
def blind(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint whose encoder does not see the question."""
    return tiny_retro(tmp_path_factory.mktemp("blind"), conditioned=False, spread=0.4)


@pytest.mark.parametrize("neighbours", ["encodings", "keys-values"])
@pytest.mark.parametrize("parameters", [{}, {"layout": "retro++"}, {"beams": 2}], ids=str)
def test_offline_answers_are_the_online_ones(
    blind: Path, tmp_path: Path, neighbours: str, parameters: dict[str, object]
) -> None:
    answers = []
    for mode in ("online", neighbours):
        config = RetroReaderConfig(
            checkpoint=str(blind), neighbours=mode, max_answer_tokens=4, **parameters
        )
        reader = RetroReader(config)
        reader.prepare(Corpus.from_passages(CORPUS), Cache(tmp_path))
        answers.append(reader.read(QUESTIONS, HITS))
    for online, offline in zip(*answers, strict=True):
        assert offline.text == online.text
        # Stored in float16.
        assert offline.score == pytest.approx(online.score, abs=2e-2)
    check_reader(reader, QUESTIONS, HITS)
    (stored,) = reader.stored()
    assert stored.name == f"neighbour {neighbours}"
    assert reader.cost(QUESTIONS[0], HITS[0]).gflop < make(blind).cost(QUESTIONS[0], HITS[0]).gflop


def stores(cache: Path) -> int:
    return sum(path.is_dir() for path in (cache / "neighbour-store").iterdir())


def test_rank_and_read_share_one_store(blind: Path, tmp_path: Path) -> None:
    """The second of them opens the store that the first one built."""
    corpus, cache = Corpus.from_passages(CORPUS), Cache(tmp_path)
    common = {"checkpoint": str(blind), "neighbours": "encodings"}
    ranker = RetroRanker(RetroRankerConfig(**common))
    ranker.prepare(corpus, cache)
    assert cache.hits == 0
    reader = RetroReader(RetroReaderConfig(**common))
    reader.prepare(corpus, cache)
    assert cache.hits == 1
    assert stores(tmp_path) == 1
    ranked = ranker.rank(QUESTIONS[:1], HITS[:1], 3)
    assert reader.read(QUESTIONS[:1], ranked)[0].score < 0
    # Another limit is another store.
    shorter = RetroReader(RetroReaderConfig(**common, passage_tokens=12))
    shorter.prepare(corpus, cache)
    assert stores(tmp_path) == 2


def test_an_encoder_that_sees_the_question_is_not_stored(folder: Path) -> None:
    with pytest.raises(CheckpointError, match="sees the question") as caught:
        make(folder, neighbours="keys-values")
    assert "neighbours: online" in caught.value.line()


def test_the_score_is_the_likelihood_of_the_answer(folder: Path) -> None:
    """The ranker's answer likelihood uses the reader's prompt: it equals the reader's score."""
    reader = make(folder, max_answer_tokens=6, passages=1)
    (generation,) = reader._generate([QUESTIONS[0].text], [[CORPUS[2]]])
    answer = reader._answering.answer(generation, [])
    scorer = RetroScorer(folder, "tiny")
    state = scorer.ask_answer(QUESTIONS[0].text, answer.text)
    assert state.ids[0, scorer.model.config.chunk_length :].tolist() == [
        *generation.tokens,
        scorer.end,
    ]
    # Cut off at its longest, the answer was never ended.
    state.mask[0, -1] = False
    with torch.inference_mode():
        candidates = scorer.encode(state, scorer.tokenise([CORPUS[2].full_text])[0])
        likelihood = float(scorer.score(state, candidates, "answer_likelihood"))
    assert len(generation.tokens) == 6
    assert answer.score * 7 == pytest.approx(likelihood * 6, abs=1e-3)


def test_cost_and_facts(folder: Path) -> None:
    costs = [
        make(folder, layout=layout).cost(QUESTIONS[0], HITS[0]).gflop or 0.0
        for layout in ("closed-book", "retro++", "retro")
    ]
    assert np.all(np.array(costs) > 0)
    assert costs[0] < min(costs[1:])
    assert make(folder, beams=2).describe()["search"] == "2 beams"


def test_a_default_that_is_not_shipped_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_module("odqa.checkpoints.embedded"), "_MODELS", tmp_path)
    reader = RetroReader(RetroReaderConfig())
    with pytest.raises(CheckpointError, match="not shipped") as caught:
        reader.prepare(Corpus.from_passages(CORPUS), Cache(enabled=False))
    assert "embedded:retro-reader" in caught.value.line()


def test_closed(folder: Path) -> None:
    reader = make(folder)
    reader.close()
    with pytest.raises(ComponentError, match="not prepared"):
        reader.read(QUESTIONS, HITS)
