"""Logits of some positions against the same model's logits of all."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import (
    BertConfig,
    BertLMHeadModel,
    BertModel,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
)

from odqa.encoders.read_out import read_out_from

IDS = torch.tensor([[3, 1, 4, 1, 5], [9, 2, 6, 5, 3]])


def model(kind: str) -> Any:
    torch.manual_seed(0)
    sizes = {"vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2}
    if kind == "gpt2":
        return GPT2LMHeadModel(GPT2Config(vocab_size=20, n_embd=8, n_layer=2, n_head=2)).eval()
    if kind == "llama":
        return LlamaForCausalLM(LlamaConfig(**sizes, intermediate_size=16)).eval()
    return BertLMHeadModel(BertConfig(**sizes, intermediate_size=16, is_decoder=True)).eval()


@pytest.mark.parametrize("first", [0, 2, 4, -1, -2])
@pytest.mark.parametrize("kind", ["gpt2", "llama", "bert"])
def test_logits_are_those_of_the_same_positions(kind: str, first: int) -> None:
    lm = model(kind)
    with torch.inference_mode():
        every = lm(input_ids=IDS).logits
        with read_out_from(lm, first):
            some = lm(input_ids=IDS).logits
        again = lm(input_ids=IDS).logits
    assert some.shape[1] == len(range(5)[first:])
    torch.testing.assert_close(some, every[:, first:])
    assert torch.equal(again, every)


def test_all_positions_are_read_out_again_after_an_error() -> None:
    lm = model("bert")
    with pytest.raises(RuntimeError, match="stop"), read_out_from(lm, -1):
        raise RuntimeError("stop")
    with torch.inference_mode():
        assert lm(input_ids=IDS).logits.shape == (2, 5, 20)


def test_a_model_without_read_out_is_left_alone() -> None:
    encoder = BertModel(BertConfig(vocab_size=20, hidden_size=8, num_attention_heads=2))
    with torch.inference_mode(), read_out_from(encoder, -1):
        assert encoder(input_ids=IDS).last_hidden_state.shape == (2, 5, 8)
