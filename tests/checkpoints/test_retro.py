from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from odqa.checkpoints.base_model import base_model_dir
from odqa.checkpoints.delta import read_delta, write_delta
from odqa.checkpoints.retro import build_retro
from odqa.errors import CheckpointError
from odqa.retro.create.grow import RetroShape, grow_retro
from odqa.retro.model.layouts import frame_questions, pad_passages
from odqa.retro.model.model import RetroModel
from odqa.retro.model.neighbour_keys import cca
from odqa.retro.model.ranking_settings import RankingSettings
from odqa.retro.rank.shared_prefix import encode_candidates, share_prefix
from odqa.retro.rank.similarity import encode_questions, relevance

SHAPE = RetroShape(
    cross_layers=(2, 5), conditioned_layers=(3,), chunk_length=8, neighbour_length=16
)
CONFIG = {
    "kind": "retro",
    "shape": SHAPE.to_dict(),
    "ranking": {"layout": "prefix", "similarity": 7.0},
    "lora": {"r": 2, "alpha": 4.0},
}


@pytest.fixture(scope="module")
def grown() -> RetroModel:
    return grow_retro(base_model_dir(), SHAPE)


def test_shape_survives_json() -> None:
    assert RetroShape.from_dict(json.loads(json.dumps(SHAPE.to_dict()))) == SHAPE


def test_cross_attention_starts_from_its_layers_self_attention(grown: RetroModel) -> None:
    for layer, stack, gate in ((5, grown.decoder, 0.5), (3, grown.encoder, 0.3)):
        block = stack.blocks[layer - 1]
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            own, cross = (
                getattr(part, name).weight for part in (block.self_attention, block.cross.attention)
            )
            assert torch.equal(own, cross)
            assert own is not cross
        assert block.cross.gate.weight.item() == pytest.approx(gate)
    assert not grown.score_head.weight.any()


@torch.no_grad()
def test_cross_attention_may_start_as_the_identity() -> None:
    """A state attends most to the equal one, and receives that state."""
    shape = RetroShape(chunk_length=8, neighbour_length=16, cross_start="identity")
    cross = cca(grow_retro(base_model_dir(), shape), 2)
    states = torch.randn(1, 5, 384, generator=torch.Generator().manual_seed(0)) * 2
    kv = cross.keys_values(states)
    assert torch.equal(cross.attention.merge(kv.values, None), states)
    weights, logits = cross.attention.weights(states[:, [3]], kv)
    assert (weights.argmax(-1) == 3).all()
    # By hand, first head: sqrt(6) * sqrt(6) * x.y / sqrt(32).
    by_hand = 6 * states[0, 3, :32] @ states[0, 1, :32] / 32**0.5
    torch.testing.assert_close(logits[0, 0, 0, 1], by_hand)


def test_an_untrained_one_has_the_order_of_the_base_model(tmp_path: Path) -> None:
    """Without conditioning the score is the sentence encoder's cosine, times the weight."""
    from odqa.encoders.text import TextEncoder

    texts = ["the Thames flows through London", "an engine was built in 1712", "who wrote Emma"]
    question = "which river flows through London"
    encoder = TextEncoder("embedded:minilm")
    encoder.load()
    vectors = encoder.encode([question, *texts])
    model = grow_retro(base_model_dir(), RetroShape(chunk_length=16))
    question_ids, *passage_ids = encoder.tokens([question, *texts]).ids
    frame = frame_questions(
        [question_ids[:-1]], "echo", chunk_length=16, score_token=question_ids[-1]
    )
    ids, mask = (torch.from_numpy(a)[None] for a in pad_passages(passage_ids, length=160))
    plain = torch.tensor([question_ids])
    with torch.no_grad():
        shared = share_prefix(model, torch.from_numpy(frame.ids), torch.from_numpy(frame.mask))
        states = encode_candidates(model, shared, ids, mask)
        vector = encode_questions(model, plain, torch.ones_like(plain))
        scored = torch.from_numpy(frame.scored)
        scores = relevance(model, shared, states, mask, scored, vector, 20.0)[0]
    expected = torch.from_numpy(20 * vectors[1:] @ vectors[0])
    torch.testing.assert_close(scores, expected, atol=1e-3, rtol=0)


def test_a_change_is_added_and_replaced(tmp_path: Path, grown: RetroModel) -> None:
    name = "decoder.blocks.1.cross.attention.q_proj"
    low, high = torch.ones(2, 384) * 0.5, torch.ones(384, 2) * 0.25
    head = torch.arange(384.0)[None] / 512
    tensors = {f"{name}.lora_A": low, f"{name}.lora_B": high, "score_head.weight": head}
    write_delta(tmp_path / "delta", tensors, CONFIG)
    work = tmp_path / "built"
    work.mkdir()
    build_retro(base_model_dir(), read_delta(tmp_path / "delta"), work)
    built = RetroModel.from_pretrained(work)
    assert torch.equal(built.score_head.weight, head)
    weights, before = dict(built.named_parameters()), dict(grown.named_parameters())
    # alpha / r = 2; each entry of B A is 2 * 0.5 * 0.25.
    torch.testing.assert_close(weights[f"{name}.weight"], before[f"{name}.weight"] + 0.5)
    same = [n for n in weights if n not in (f"{name}.weight", "score_head.weight")]
    assert all(torch.equal(weights[n], before[n]) for n in same)
    assert RankingSettings.read(work) == RankingSettings("prefix", 7.0)
    assert (work / "tokenizer.json").is_file()


def test_a_change_of_something_else_is_refused(tmp_path: Path) -> None:
    write_delta(tmp_path / "delta", {"no_such_layer.weight": torch.zeros(2, 2)}, CONFIG)
    (tmp_path / "built").mkdir()
    with pytest.raises(CheckpointError, match="does not fit"):
        build_retro(base_model_dir(), read_delta(tmp_path / "delta"), tmp_path / "built")
    assert not list((tmp_path / "built").iterdir())
