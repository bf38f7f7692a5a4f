"""Cross-attention before the softmax: what transformers hands to its softmax, and by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM
from transformers.modeling_outputs import BaseModelOutput

from odqa.cache import Cache
from odqa.encoders.cross_attention import first_token_attention
from odqa.encoders.seq2seq import Seq2Seq, load_seq2seq
from odqa.errors import CheckpointError
from odqa.testing.tiny_generators import tiny_generator

TEXTS = ["question: who context: A king built it.", "question: who", "question: who context: south"]


@pytest.fixture(scope="module", params=["t5", "bart"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    spread = 1.0 if request.param == "t5" else 0.3
    return tiny_generator(
        tmp_path_factory.mktemp(request.param), request.param, seed=2, spread=spread
    )


def loaded(folder: Path, tmp_path: Path) -> Seq2Seq:
    return load_seq2seq(
        str(folder),
        Cache(tmp_path / "cache"),
        max_length=64,
        max_new=8,
        device="cpu",
        precision="float32",
    )


def test_it_is_the_mean_of_what_transformers_takes_the_softmax_of(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Passages padded to one length and masked, as FiD's authors do; padding is left out after."""
    ours = loaded(folder, tmp_path)
    model: Any = AutoModelForSeq2SeqLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    inputs = ours.tokenizer(
        TEXTS, padding="max_length", max_length=40, return_tensors="pt", return_token_type_ids=False
    )
    with torch.no_grad():
        states = model.get_encoder()(**inputs).last_hidden_state
    seen: list[torch.Tensor] = []
    softmax = torch.nn.functional.softmax

    def spy(scores: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        seen.append(scores.detach().clone())
        return softmax(scores, *args, **kwargs)

    monkeypatch.setattr(torch.nn.functional, "softmax", spy)
    with torch.no_grad():
        model(
            encoder_outputs=BaseModelOutput(last_hidden_state=states.flatten(0, 1)[None]),
            attention_mask=inputs["attention_mask"].flatten()[None],
            decoder_input_ids=torch.tensor([[model.config.decoder_start_token_id]]),
            use_cache=False,
        )
    monkeypatch.undo()
    # Each of the two layers attends to one decoded token, then to 3 passages of 40 tokens.
    cross = torch.stack([scores for scores in seen if scores.shape[-1] == 120])
    assert cross.shape == (2, 1, 2, 1, 120)
    per_token = cross[:, 0, :, 0].mean((0, 1)).view(3, 40)
    mask = inputs["attention_mask"].bool()
    expected = [float(row[real].mean()) for row, real in zip(per_token, mask, strict=True)]
    mine = first_token_attention(ours, ours.encode(ours.tokenise(TEXTS, 40), 2), "x")
    assert mine == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert len({round(score, 5) for score in mine}) == 3


def test_one_layer_by_hand(tmp_path: Path) -> None:
    """T5 without self-attention, so that the query is that of the start token's embedding."""
    folder = tiny_generator(tmp_path / "t5", "t5", seed=3, spread=1.0, num_decoder_layers=1)
    ours = loaded(folder, tmp_path)
    layers = ours.model.decoder.block[0].layer
    with torch.no_grad():
        layers[0].SelfAttention.o.weight.zero_()
        start = ours.model.shared.weight[ours.start]
        # T5's norm divides by the root of the mean square; its weights are ones.
        query = layers[1].EncDecAttention.q.weight @ (start / start.square().mean().sqrt())
        passages = [torch.eye(32)[:2], torch.eye(32)[2:3]]
        # Keys of unit vectors are columns of the matrix; two heads of width 16, no scaling.
        columns = [layers[1].EncDecAttention.k.weight[:, column] for column in range(3)]
        by_head = [
            (float(query[:16] @ key[:16]) + float(query[16:] @ key[16:])) / 2 for key in columns
        ]
    expected = [(by_head[0] + by_head[1]) / 2, by_head[2]]
    assert first_token_attention(ours, passages, "x") == pytest.approx(expected, rel=1e-4)


def test_passages_have_the_scores_of_any_order(folder: Path, tmp_path: Path) -> None:
    ours = loaded(folder, tmp_path)
    states = ours.encode(ours.tokenise(TEXTS, 40), 3)
    scores = first_token_attention(ours, states, "x")
    turned = first_token_attention(ours, states[::-1], "x")
    # The first layer's query has seen no passage; later ones have seen all, in whatever order.
    assert turned[::-1] == pytest.approx(scores, rel=1e-4, abs=1e-6)


def test_another_architecture_is_named(folder: Path, tmp_path: Path) -> None:
    ours = loaded(folder, tmp_path)

    class Other:
        def get_decoder(self) -> torch.nn.Module:
            return torch.nn.Linear(2, 2)

    other = Seq2Seq(Other(), ours.tokenizer, ours.device, ours.dtype, 0)
    with pytest.raises(CheckpointError, match="no cross-attention"):
        first_token_attention(other, ours.encode(ours.tokenise(TEXTS, 40), 3), "x")
