"""Untrained models that repeat what followed before."""

from __future__ import annotations

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, T5Config, T5ForConditionalGeneration

from odqa.training.model import copying_lm, copying_t5


def causal(**settings: int) -> GPT2LMHeadModel:
    sizes = {"vocab_size": 1000, "n_embd": 192, "n_layer": 2, "n_head": 3, "n_positions": 128}
    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(**sizes | settings)).eval()


def encoder_decoder(**settings: int) -> T5ForConditionalGeneration:
    sizes = {"vocab_size": 1000, "d_model": 256, "d_kv": 64, "num_heads": 4, "d_ff": 64}
    sizes |= {"num_layers": 2, "num_decoder_layers": 1, "decoder_start_token_id": 0}
    torch.manual_seed(0)
    return T5ForConditionalGeneration(T5Config(**sizes | settings)).eval()


def repeated(count: int = 4, length: int = 40) -> torch.Tensor:
    """Random tokens, no two alike, twice."""
    generator = torch.Generator().manual_seed(1)
    once = torch.stack([torch.randperm(1000, generator=generator)[:length] for _ in range(count)])
    return torch.cat((once, once), 1)


def test_gpt2_repeats_what_followed_before() -> None:
    model, ids = causal(), repeated()
    with torch.no_grad():
        untouched = model(ids).logits.argmax(-1)[:, 40:-1]
        copying_lm.start_copying(model, seed=0)
        logits = model(ids).logits
    copied = logits.argmax(-1)[:, 40:-1]
    assert (untouched == ids[:, 41:]).float().mean() < 0.05
    assert (copied == ids[:, 41:]).float().mean() > 0.9
    # The first time there is nothing to repeat.
    assert (logits.argmax(-1)[:, :39] == ids[:, 1:40]).float().mean() < 0.05


def test_t5_goes_on_as_what_it_reads() -> None:
    model, ids = encoder_decoder(), repeated()[:, :40]
    said = ids[:, 10:30]
    with torch.no_grad():
        copying_t5.start_copying(model, seed=0)
        copied = model(input_ids=ids, decoder_input_ids=said).logits.argmax(-1)
    assert (copied == ids[:, 11:31]).float().mean() > 0.7


def test_a_shape_that_does_not_fit() -> None:
    with pytest.raises(ValueError, match="three heads"):
        copying_lm.start_copying(causal(n_head=4), seed=0)
    with pytest.raises(ValueError, match="two layers"):
        copying_lm.start_copying(causal(n_layer=1), seed=0)
    with pytest.raises(ValueError, match="fourth of the width"):
        copying_t5.start_copying(encoder_decoder(d_kv=32), seed=0)
