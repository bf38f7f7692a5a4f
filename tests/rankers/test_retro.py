from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from odqa.cache import Cache
from odqa.data.corpus import Corpus
from odqa.errors import CheckpointError, ComponentError
from odqa.rankers.retro import RetroRanker, RetroRankerConfig
from odqa.retro.model.layouts import frame_questions
from odqa.retro.model.model import RetroModel
from odqa.testing.conformance import check_ranker
from odqa.testing.tiny_checkpoints import WORDS, tiny_bert
from odqa.testing.tiny_retro import tiny_retro
from odqa.types import Hit, Passage, Question

QUESTIONS = [
    Question("q0", "who built the tower bridge", ("king",)),
    Question("q1", "what is the river of the old king"),
    Question("q2", "when was the engine opened?"),
]


def passages() -> list[Passage]:
    draw = random.Random(0)
    vocabulary = WORDS.split()
    texts = [" ".join(draw.choices(vocabulary, k=draw.randint(2, 60))) for _ in range(9)]
    distinct = [
        Passage(f"p{i}", text, title="king" if i % 3 else "") for i, text in enumerate(texts)
    ]
    copies = [Passage(f"copy{i}", "the river, of the king.") for i in range(2)]
    return [copies[0], *distinct, copies[1]]


CORPUS = passages()
IDS = [passage.id for passage in CORPUS]
MODES = [
    {},
    {"layout": "naive"},
    {"layout": "prefix"},
    {"layout": "prompt"},
    {"mode": "question_likelihood"},
    {"mode": "attention"},
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """Checkpoints by whether their encoder sees the question."""
    root = tmp_path_factory.mktemp("retro")
    return {
        seeing: tiny_retro(root / str(seeing), conditioned=seeing, similarity=3.0)
        for seeing in (True, False)
    }


def make(folder: Path, tmp_path: Path, **parameters: object) -> RetroRanker:
    ranker = RetroRanker(RetroRankerConfig(checkpoint=str(folder), **parameters))
    ranker.prepare(Corpus.from_passages(CORPUS), Cache(tmp_path / "cache"))
    return ranker


def hits(ids: list[str] = IDS) -> list[Hit]:
    return [Hit(passage_id, float(len(ids) - i)) for i, passage_id in enumerate(ids)]


def scores(ranker: RetroRanker, question: Question = QUESTIONS[1]) -> np.ndarray:
    (ranked,) = ranker.rank([question], [hits()], 100)
    score_by_id = {hit.passage_id: hit.score for hit in ranked}
    return np.array([score_by_id[i] for i in IDS])


@pytest.mark.parametrize("parameters", MODES, ids=lambda p: "-".join(map(str, p.values())) or "-")
def test_contract(folders: dict[bool, Path], tmp_path: Path, parameters: dict[str, str]) -> None:
    ranker = make(folders[True], tmp_path, batch_size=1, **parameters)
    check_ranker(ranker, QUESTIONS, [hits()] * 3)


def test_scores_are_the_models(folders: dict[bool, Path], tmp_path: Path) -> None:
    """By hand: layout, one full forward, head, and the cosine of mean encodings."""
    ranker_scores = scores(make(folders[False], tmp_path))
    model = RetroModel.from_pretrained(folders[False])
    scorer = make(folders[False], tmp_path)._model
    m = model.config.chunk_length
    (passage,), _ = scorer.tokenise([CORPUS[3].full_text])
    question = scorer.question_ids(QUESTIONS[1].text)
    frame = frame_questions([question[:-1]], "echo", chunk_length=m, score_token=question[-1])
    passage_ids = torch.tensor([passage])
    with torch.no_grad():
        hidden = model(
            torch.from_numpy(frame.ids),
            torch.from_numpy(frame.mask),
            passage_ids[:, None, None],
            with_logits=False,
        ).hidden
        head = model.score(hidden[0, -1])
        means = [
            model.encode(ids[:, None], torch.ones_like(ids).bool()[:, None], None, None)[0, 0].mean(
                0
            )
            for ids in (passage_ids, torch.tensor([question]))
        ]
        expected = head + 3.0 * torch.cosine_similarity(means[0], means[1], dim=0)
    assert ranker_scores[3] == pytest.approx(float(expected), abs=1e-4)


@pytest.mark.parametrize("seeing", [True, False])
def test_naive_scores_are_the_same(folders: dict[bool, Path], tmp_path: Path, seeing: bool) -> None:
    shared = scores(make(folders[seeing], tmp_path))
    naive = scores(make(folders[seeing], tmp_path, layout="naive"))
    np.testing.assert_allclose(naive, shared, atol=1e-4)
    assert np.ptp(shared) > 0.1


@pytest.mark.parametrize(
    ("seeing", "parameters", "neighbours"),
    [
        (False, {}, "encodings"),
        (False, {}, "keys-values"),
        (False, {"layout": "prefix"}, "keys-values"),
        (True, {"layout": "prompt"}, "encodings"),
        (True, {"layout": "prompt"}, "keys-values"),
        (True, {"mode": "question_likelihood"}, "encodings"),
        (True, {"mode": "question_likelihood"}, "keys-values"),
        (False, {"mode": "attention"}, "encodings"),
        (False, {"mode": "answer_likelihood"}, "encodings"),
        (False, {"mode": "answer_likelihood"}, "keys-values"),
    ],
)
def test_offline_scores_are_the_online_ones(
    folders: dict[bool, Path],
    tmp_path: Path,
    seeing: bool,
    parameters: dict[str, str],
    neighbours: str,
) -> None:
    question = QUESTIONS[0]
    online = scores(make(folders[seeing], tmp_path, **parameters), question)
    ranker = make(folders[seeing], tmp_path, neighbours=neighbours, **parameters)
    # Stored in float16.
    np.testing.assert_allclose(scores(ranker, question), online, atol=2e-2)
    assert np.ptp(online) > (0.01 if parameters.get("mode") == "attention" else 0.1)
    (stored,) = ranker.stored()
    tokens = sum(len(ids) for ids in ranker._model.tokenise([p.full_text for p in CORPUS])[0])
    width = 16 if neighbours == "encodings" else 16 + 2 * 2 * 16
    assert tokens * width * 2 <= stored.bytes < tokens * width * 2 + 3000


def test_similarity_is_added_with_its_weight(folders: dict[bool, Path], tmp_path: Path) -> None:
    unweighted, weighted, weighted_by_5 = (
        scores(make(folders[True], tmp_path, similarity=weight)) for weight in (0.0, 1.0, 5.0)
    )
    np.testing.assert_allclose(weighted_by_5 - unweighted, 5 * (weighted - unweighted), atol=1e-4)
    assert np.abs(weighted - unweighted).max() > 0.01
    assert np.abs(weighted - unweighted).max() <= 1 + 1e-5


def test_attention_sums_to_one(folders: dict[bool, Path], tmp_path: Path) -> None:
    shares = scores(make(folders[True], tmp_path, mode="attention"))
    # One of the two equal texts is read once for both.
    assert shares.sum() - shares[0] == pytest.approx(1.0, abs=1e-5)


def test_an_encoder_that_sees_the_question_is_not_stored(
    folders: dict[bool, Path], tmp_path: Path
) -> None:
    for more in ({}, {"layout": "prompt", "mode": "answer_likelihood"}):
        with pytest.raises(CheckpointError, match="sees the question") as caught:
            make(folders[True], tmp_path, neighbours="encodings", **more)
    assert "neighbours: online" in caught.value.line()
    assert not list((tmp_path / "cache").glob("neighbour-store/*"))


def test_settings_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(ValidationError, match="naive needs"):
        RetroRankerConfig(layout="naive", neighbours="encodings")
    with pytest.raises(ValidationError, match="attention needs"):
        RetroRankerConfig(mode="attention", neighbours="keys-values")


def test_another_kind_of_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="model_type is 'bert'"):
        make(tiny_bert(tmp_path / "bert"), tmp_path)


@pytest.mark.parametrize("seeing", [True, False])
def test_answer_likelihood_is_the_full_forwards(
    folders: dict[bool, Path], tmp_path: Path, seeing: bool
) -> None:
    """By hand: prompt in the first chunk, answer and end behind it, one forward per passage."""
    ranker = make(folders[seeing], tmp_path, mode="answer_likelihood")
    question = Question("q", "who built it", ("king", "the old river"))
    likelihoods = scores(ranker, question)
    model = RetroModel.from_pretrained(folders[seeing])
    scorer = ranker._model
    m = model.config.chunk_length
    (prompt,) = scorer.tokens.bare(["question: who built it answer:"])
    expected = []
    for passage in CORPUS:
        (passage_ids,), _ = scorer.tokenise([passage.full_text])
        answer_likelihoods = []
        for answer in question.answers:
            tail = [*scorer.tokens.bare([answer])[0], scorer.end]
            ids = torch.tensor([[0] * (m - len(prompt)) + prompt + tail])
            mask = torch.arange(ids.shape[1])[None] >= m - len(prompt)
            with torch.no_grad():
                logits = model(ids, mask, torch.tensor(passage_ids)[None, None, None]).logits
            log_probs = logits[0, m - 1 : -1].log_softmax(-1)
            answer_likelihoods.append(
                float(log_probs.gather(1, torch.tensor(tail)[:, None]).mean())
            )
        expected.append(max(answer_likelihoods))
    np.testing.assert_allclose(likelihoods, expected, atol=1e-4)
    assert np.ptp(likelihoods) > 0.1


def test_answer_likelihood_needs_answers(folders: dict[bool, Path], tmp_path: Path) -> None:
    ranker = make(folders[False], tmp_path, mode="answer_likelihood")
    with pytest.raises(ComponentError, match="'q1' has no answers") as caught:
        ranker.rank(QUESTIONS[:2], [hits()] * 2, 5)
    assert "set another mode" in caught.value.line()
    one_answer, two_answers = (
        ranker.cost(Question("q", "who built it", answers), hits()).gflop or 0.0
        for answers in (("king",), ("king", "the old river"))
    )
    assert 0 < one_answer < two_answers


def test_passages_are_cut_and_counted(folders: dict[bool, Path], tmp_path: Path) -> None:
    for parameters in ({}, {"neighbours": "encodings"}):
        ranker = make(folders[False], tmp_path, passage_tokens=12, **parameters)
        scores(ranker)
        texts = [passage.full_text for passage in CORPUS]
        long = sum(
            len(ids) > 12 for ids in make(folders[False], tmp_path)._model.tokenise(texts)[0]
        )
        assert ranker.describe()["passages cut off"] == str(long)


def test_what_is_described_and_counted(folders: dict[bool, Path], tmp_path: Path) -> None:
    seeing, blind = (make(folders[s], tmp_path) for s in (True, False))
    assert seeing.describe()["representation"] == "all-to-all dynamic"
    assert blind.describe()["representation"] == "intra-passage dynamic"
    stored = make(folders[False], tmp_path, neighbours="keys-values")
    naive = make(folders[False], tmp_path, layout="naive")
    costs = [r.cost(QUESTIONS[0], hits()).gflop or 0 for r in (stored, blind, seeing, naive)]
    assert 0 < costs[0] < costs[1] < costs[2]
    assert costs[1] < costs[3]
    assert stored.cost(QUESTIONS[0], hits()).parameters > 1000


def test_closed_and_prepared_again(folders: dict[bool, Path], tmp_path: Path) -> None:
    ranker = make(folders[False], tmp_path, neighbours="encodings")
    before = scores(ranker)
    ranker.close()
    with pytest.raises(ComponentError, match="not prepared"):
        scores(ranker)
    cache = Cache(tmp_path / "cache")
    ranker.prepare(Corpus.from_passages(CORPUS), cache)
    assert cache.hits == 1
    np.testing.assert_array_equal(scores(ranker), before)


@pytest.mark.parametrize(
    "parameters", [*MODES, {"neighbours": "encodings"}, {"neighbours": "keys-values"}]
)
def test_explanations_are_shares_of_one_attention(
    folders: dict[bool, Path], tmp_path: Path, parameters: dict[str, object]
) -> None:
    ranker = make(folders["neighbours" not in parameters], tmp_path, **parameters)
    hits = [Hit(passage_id, 1.0) for passage_id in ("p3", "p1", "copy0")]
    explained, nothing = ranker.explain(QUESTIONS[:2], [hits, []])
    assert nothing == [] and [explanation.passage_id for explanation in explained] == [
        "p3",
        "p1",
        "copy0",
    ]
    assert sum(explanation.share or 0.0 for explanation in explained) == pytest.approx(
        1.0, abs=1e-3
    )
    texts = {passage.id: passage.full_text for passage in CORPUS}
    for explanation in explained:
        assert sum(piece.weight for piece in explanation.pieces) == pytest.approx(explanation.share)
        pieces = [
            texts[explanation.passage_id][p.start : p.end]
            for p in explanation.pieces
            if p.end > p.start
        ]
        # Cut at the model's 40 tokens, two of which are markers.
        assert (
            pieces
            == texts[explanation.passage_id].replace(".", " .").replace(",", " ,").split()[:38]
        )


def test_attention_by_token_adds_up_to_the_score_of_mode_attention(
    folders: dict[bool, Path], tmp_path: Path
) -> None:
    ranker = make(folders[True], tmp_path, mode="attention")
    hits = [Hit(passage_id, 1.0) for passage_id in ("p3", "p1", "copy0", "p5")]
    (ranked,), (explained,) = (
        ranker.rank(QUESTIONS[:1], [hits], 9),
        ranker.explain(QUESTIONS[:1], [hits]),
    )
    shares = {explanation.passage_id: explanation.share for explanation in explained}
    assert shares == pytest.approx({hit.passage_id: hit.score for hit in ranked}, abs=1e-6)
