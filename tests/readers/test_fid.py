"""FiD against transformers: T5 and BART, one passage and several, greedy and beams."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer
from transformers.modeling_outputs import BaseModelOutput

from odqa.cache import Cache
from odqa.data.corpus import Corpus
from odqa.encoders.seq2seq import load_seq2seq
from odqa.errors import CheckpointError
from odqa.readers.fid import FidConfig, FidReader, fid_text
from odqa.testing.tiny_generators import tiny_generator
from odqa.types import Hit, Passage, Query

QUESTIONS = [
    Query("q0", "who built the tower bridge"),
    Query("q1", "which river flows through the city"),
    Query("q2", "when was the engine opened in the year of the king"),
]
PASSAGES = [
    Passage("a", "A king built the tower in the north, 1894.", "Tower Bridge"),
    Passage("b", "The river flows through the city by the old bridge and south of it.", "River"),
    Passage("c", "A poem.", ""),
    Passage("d", "The engine was opened in the last year of the century.", "Engine"),
]
HITS = [
    [Hit("a", 3.0), Hit("b", 2.0), Hit("c", 1.0)],
    [Hit("b", 3.0)],
    [Hit("d", 3.0), Hit("c", 2.0), Hit("a", 1.0), Hit("b", 0.5)],
]
FAMILIES = ["t5", "bart"]
#: With it, both families say something.
SEED = 2


@pytest.fixture(scope="module", params=FAMILIES)
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    spread = 1.0 if request.param == "t5" else 0.3
    return tiny_generator(folder, request.param, seed=SEED, spread=spread)


def reader(checkpoint: Path, tmp_path: Path, **settings: Any) -> FidReader:
    config = {"checkpoint": str(checkpoint), "max_answer_tokens": 9, "max_length": 64, **settings}
    fid = FidReader(FidConfig.model_validate(config))
    fid.prepare(Corpus.from_passages(PASSAGES), Cache(tmp_path / "cache"))
    return fid


def home(checkpoint: Path) -> tuple[Any, Any]:
    model = AutoModelForSeq2SeqLM.from_pretrained(checkpoint, dtype=torch.float32).eval()
    return model, AutoTokenizer.from_pretrained(checkpoint)


@pytest.mark.parametrize("beams", [1, 3])
def test_with_one_passage_it_is_transformers_generate(
    checkpoint: Path, tmp_path: Path, beams: int
) -> None:
    model, tokenizer = home(checkpoint)
    fid = reader(checkpoint, tmp_path, passages=1, beams=beams)
    answers = fid.read(QUESTIONS, HITS)
    for question, hits, answer in zip(QUESTIONS, HITS, answers, strict=True):
        passage = next(p for p in PASSAGES if p.id == hits[0].passage_id)
        text = fid_text(question.text, passage)
        inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=64)
        inputs.pop("token_type_ids", None)
        out = model.generate(**inputs, max_new_tokens=9, num_beams=beams, do_sample=False)
        expected = tokenizer.decode(out[0], skip_special_tokens=True).strip()
        assert answer.text.lower() == expected.lower()
        target = out[0, 1:]
        states = fid._model.encode(fid._rows(question, [passage]), 1)
        (tokens,) = fid._model.generate(states, max_new=9, beams=beams)
        assert tokens.ids == target.tolist()
        assert len(tokens.ids) > 2, "an empty answer would prove nothing"
        with torch.no_grad():
            logits = model(**inputs, decoder_input_ids=out[:, :-1]).logits[0]
        likelihood = logits.log_softmax(-1).gather(1, target[:, None]).sum()
        assert answer.score == pytest.approx(float(likelihood), abs=1e-4)


def test_its_logits_are_those_of_transformers(checkpoint: Path, tmp_path: Path) -> None:
    model, tokenizer = home(checkpoint)
    ours = load_seq2seq(
        str(checkpoint),
        Cache(tmp_path / "cache"),
        max_length=64,
        max_new=9,
        device="cpu",
        precision="float32",
    )
    texts = [fid_text(QUESTIONS[0].text, p) for p in PASSAGES]
    states = ours.encode(ours.tokenise(texts, 64), batch_size=3)
    targets = [[5, 60, 7, 2], [9, 2], [70, 80, 90], [4]]
    ours_scores = ours.log_probabilities(states, targets)
    start = model.config.decoder_start_token_id
    for text, target, mine in zip(texts, targets, ours_scores, strict=True):
        inputs = tokenizer(
            text, return_tensors="pt", return_token_type_ids=False, truncation=True, max_length=64
        )
        with torch.no_grad():
            logits = model(**inputs, decoder_input_ids=torch.tensor([[start, *target[:-1]]])).logits
        expected = logits[0].log_softmax(-1).gather(1, torch.tensor(target)[:, None])[:, 0]
        torch.testing.assert_close(mine, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("beams", [1, 2])
def test_several_passages_are_joined_behind_the_encoder(
    checkpoint: Path, tmp_path: Path, beams: int
) -> None:
    """As FiD's own encoder wrapper: all padded to one length, one mask over all of them."""
    model, tokenizer = home(checkpoint)
    answers = reader(checkpoint, tmp_path, beams=beams).read(QUESTIONS, HITS)
    for question, hits, answer in zip(QUESTIONS, HITS, answers, strict=True):
        passages = [next(p for p in PASSAGES if p.id == hit.passage_id) for hit in hits]
        inputs = tokenizer(
            [fid_text(question.text, passage) for passage in passages],
            padding="max_length",
            max_length=64,
            truncation=True,
            return_tensors="pt",
            return_token_type_ids=False,
        )
        with torch.no_grad():
            states = model.get_encoder()(**inputs).last_hidden_state
            out = model.generate(
                encoder_outputs=BaseModelOutput(last_hidden_state=states.flatten(0, 1)[None]),
                attention_mask=inputs["attention_mask"].flatten()[None],
                max_new_tokens=9,
                num_beams=beams,
                do_sample=False,
            )
        assert answer.text.lower() == tokenizer.decode(out[0], skip_special_tokens=True).strip()


def test_other_passages_change_what_is_said(checkpoint: Path, tmp_path: Path) -> None:
    one = reader(checkpoint, tmp_path, passages=1).read(QUESTIONS, HITS)
    all_of_them = reader(checkpoint, tmp_path).read(QUESTIONS, HITS)
    # The second question has but one passage.
    assert [a.score == pytest.approx(b.score) for a, b in zip(one, all_of_them, strict=True)] == [
        False,
        True,
        False,
    ]


@pytest.mark.parametrize("batch_size", [1, 5, 64])
def test_a_batch_is_as_one_at_a_time(checkpoint: Path, tmp_path: Path, batch_size: int) -> None:
    fid = reader(checkpoint, tmp_path, passages=3, batch_size=batch_size)
    together = fid.read([*QUESTIONS, QUESTIONS[0]], [*HITS, []])
    assert together[3].text == ""
    assert together[3].passage_id is None
    for question, hits, answer in zip(QUESTIONS, HITS, together, strict=False):
        (alone,) = fid.read([question], [hits])
        assert alone.text == answer.text
        assert alone.score == pytest.approx(answer.score, abs=1e-4)


def test_longer_texts_are_cut_at_their_end(checkpoint: Path, tmp_path: Path) -> None:
    fid = reader(checkpoint, tmp_path, max_length=20)
    _, tokenizer = home(checkpoint)
    rows = fid._rows(QUESTIONS[0], PASSAGES[:2])
    full = tokenizer(fid_text(QUESTIONS[0].text, PASSAGES[0]))["input_ids"]
    assert [len(row) for row in rows] == [20, 20]
    assert rows[0] == [*full[:19], full[-1]]


def test_cost_counts_passages_apart(tmp_path: Path) -> None:
    fid = reader(tiny_generator(tmp_path / "t5", "t5"), tmp_path, max_answer_tokens=2)
    lengths = [len(row) for row in fid._rows(QUESTIONS[0], PASSAGES[:2])]
    source, pairs = sum(lengths), sum(n * n for n in lengths)
    d, i, f, v = 32, 32, 64, fid._model.config.vocab_size
    encoder = 2 * (source * (8 * d * i + 4 * d * f) + 4 * i * pairs)
    keys = 2 * 4 * source * d * i
    decoder = 2 * (2 * (12 * d * i + 4 * d * f) + 4 * i * (3 + 2 * source)) + 2 * 2 * d * v
    cost = fid.cost(QUESTIONS[0], HITS[0][:2])
    assert cost.gflop == pytest.approx((encoder + keys + decoder) / 1e9)
    assert cost.parameters == sum(p.numel() for p in fid._model.model.parameters())
    beams = reader(tmp_path / "t5", tmp_path, max_answer_tokens=2, beams=4)
    assert beams.cost(QUESTIONS[0], HITS[0][:2]).gflop == pytest.approx(
        (encoder + keys + 4 * decoder) / 1e9
    )


def test_what_a_checkpoint_asks_for_is_obeyed_or_refused(tmp_path: Path) -> None:
    folder = tiny_generator(tmp_path / "t5", "t5", spread=1.0)
    path = folder / "generation_config.json"
    settings = json.loads(path.read_text())
    path.write_text(json.dumps(settings | {"suppress_tokens": list(range(3, 300))}))
    for answer in reader(folder, tmp_path).read(QUESTIONS, HITS):
        ids = AutoTokenizer.from_pretrained(folder)(answer.text, add_special_tokens=False)
        assert all(token >= 300 for token in ids["input_ids"])
    path.write_text(json.dumps(settings | {"penalty_alpha": 0.6, "top_k": 4}))
    with pytest.raises(CheckpointError, match=r"penalty_alpha: 0\.6, not followed here"):
        reader(folder, tmp_path)
    (folder / "config.json").write_text(json.dumps({"model_type": "rag"}))
    with pytest.raises(CheckpointError, match="is a whole RAG model"):
        reader(folder, tmp_path)


def test_texts_longer_than_bart_takes_are_refused(tmp_path: Path) -> None:
    folder = tiny_generator(tmp_path / "bart", "bart")
    with pytest.raises(CheckpointError, match="takes 256 tokens, max_length is 300"):
        reader(folder, tmp_path, max_length=300)


def test_a_model_of_another_kind_is_one_line(tmp_path: Path) -> None:
    folder = tiny_generator(tmp_path / "gpt2", "gpt2")
    with pytest.raises(CheckpointError) as caught:
        reader(folder, tmp_path)
    assert "AutoModelForSeq2SeqLM" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_number_is_named(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tiny_generator(tmp_path / "t5", "t5")
    weights = load_file(folder / "model.safetensors")
    name = "decoder.final_layer_norm.weight"
    save_file(weights | {name: weights[name] * float("nan")}, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match="answer to question 'q0' with no finite number"):
        reader(folder, tmp_path).read(QUESTIONS, HITS)
