"""Grown models whose attention copies before any training."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from odqa.checkpoints.bart import grow_bart
from odqa.checkpoints.base_model import base_model_dir
from odqa.checkpoints.causal import grow_causal
from odqa.training.model import copying_bart, copying_causal
from odqa.training.model.base_encoder import base_tokenizer
from odqa.training.model.copy_attention import copying_maps

TEXT = (
    "the old tower near a river was built by king edward for queen anne in winter while seven "
    "sailors from london sold red stones and green glass to merchants of the northern city"
)
WORDS = TEXT.split()


@pytest.fixture(scope="module")
def texts() -> tuple[Tensor, Tensor]:
    """Rows of words in random order, each row another one; a marker at either end."""
    generator = torch.Generator().manual_seed(0)
    orders = [torch.randperm(len(WORDS), generator=generator) for _ in range(48)]
    rows = [" ".join(WORDS[i] for i in order) for order in orders]
    encoded = base_tokenizer()(rows, padding=True, return_tensors="pt")
    return encoded["input_ids"], encoded["attention_mask"]


def test_values_bring_back_the_token_and_keys_find_the_one_before(
    texts: tuple[Tensor, Tensor],
) -> None:
    """Encodings that are embeddings of a token and the one before it are told apart exactly."""
    ids, mask = texts
    table = torch.randn(30522, 24, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    encodings = torch.cat((table[ids], table[ids.roll(1, 1)]), -1)
    torch.set_default_dtype(torch.float64)
    try:
        maps = copying_maps(
            table, encodings, table[ids], ids, mask.bool(), strength=3.0, sharpness=1.0
        )
    finally:
        torch.set_default_dtype(torch.float32)
    row, place = 0, 7
    brought = maps.v.weight @ encodings[row, place] + maps.v.bias
    brought = maps.o.weight @ brought + maps.o.bias
    assert int((table @ brought).argmax()) == int(ids[row, place])
    keys = encodings[row] @ maps.k.weight.T + maps.k.bias
    query = table[ids[row, place - 1]] @ maps.q.weight.T + maps.q.bias
    assert int((keys[1:-1] @ query).argmax()) + 1 == place


@torch.no_grad()
def test_bart_prefers_what_follows_in_its_passage(texts: tuple[Tensor, Tensor]) -> None:
    ids, mask = texts
    ranks = []
    for start in (False, True):
        model = grow_bart(base_model_dir(), (2, 4, 6))
        if start:
            settings = {"strength": 12.0, "sharpness": 400.0, "readout": 2.0}
            copying_bart.start_copying(model, ids[:32], mask[:32], **settings)
        logits = model(
            input_ids=ids[32:], attention_mask=mask[32:], decoder_input_ids=ids[32:, 5:20]
        ).logits
        ranks.append(_rank(logits, ids[32:, 6:21]))
    assert ranks[1] < 0.5 * ranks[0]


@torch.no_grad()
def test_a_causal_model_prefers_what_followed_before(texts: tuple[Tensor, Tensor]) -> None:
    ids, mask = texts
    once = ids[:, 1:-1]
    twice = torch.cat((once, once), 1)
    ranks = []
    for start in (False, True):
        model: Any = grow_causal(base_model_dir())
        if start:
            settings = {"strength": 12.0, "sharpness": 400.0}
            copying_causal.start_copying(model, ids[:32], mask[:32], **settings)
        logits = model(input_ids=twice[32:]).logits[:, once.shape[1] : -1]
        ranks.append(_rank(logits, once[32:, 1:]))
    assert ranks[1] < 0.5 * ranks[0]


def _rank(logits: Tensor, targets: Tensor) -> float:
    """Mean share of the vocabulary that is preferred to the right token."""
    right = logits.gather(-1, targets[..., None])
    return float((logits > right).float().mean())
