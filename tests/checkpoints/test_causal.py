"""A causal language model grown from the base model, held against transformers' BERT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, BertModel

from odqa.cache import Cache
from odqa.checkpoints.base_model import base_model_dir
from odqa.checkpoints.build import build_checkpoint
from odqa.checkpoints.causal import grow_causal, prompt_tokenizer
from odqa.checkpoints.delta import read_delta, write_delta
from odqa.generation.language_model import Prompt
from odqa.generation.local import load_local_model

QUERY = "bert.encoder.layer.0.attention.self.query"
TEXT = "question: who built the tower\ncontext: A king built it.\nanswer:"


@pytest.fixture(scope="module")
def grown() -> Any:
    return grow_causal(base_model_dir())


@torch.no_grad()
def test_a_place_sees_what_stands_before_it_alone(grown: Any) -> None:
    """Its states are those that the base model has with a triangular mask."""
    base = BertModel.from_pretrained(base_model_dir(), attn_implementation="eager").eval()
    ids = prompt_tokenizer(base_model_dir())(TEXT, return_tensors="pt")["input_ids"]
    length = ids.shape[1]
    triangle = torch.ones(length, length).tril()[None]
    expected = base(input_ids=ids, attention_mask=triangle).last_hidden_state
    states = grown.bert(input_ids=ids).last_hidden_state
    torch.testing.assert_close(states, expected, atol=1e-4, rtol=1e-4)
    logits = grown(input_ids=ids).logits
    changed = ids.clone()
    changed[0, 6:] = 2005
    torch.testing.assert_close(grown(input_ids=changed).logits[:, :6], logits[:, :6])


@torch.no_grad()
def test_the_read_out_compares_states_with_words(grown: Any) -> None:
    """The transform before it is near the identity: it chooses the word of the nearest state."""
    ids = prompt_tokenizer(base_model_dir())(TEXT, return_tensors="pt")["input_ids"]
    states = grown.bert(input_ids=ids).last_hidden_state[0]
    centred = states - states.mean(-1, keepdim=True)
    plain = centred @ grown.get_input_embeddings().weight.T
    logits = grown(input_ids=ids).logits[0]
    agreement = torch.stack(
        [torch.corrcoef(torch.stack(pair))[0, 1] for pair in zip(plain, logits, strict=True)]
    )
    assert agreement.min() > 0.98


def test_prompts_begin_and_do_not_end(tmp_path: Path) -> None:
    tokenizer = prompt_tokenizer(base_model_dir())
    tokenizer.save_pretrained(tmp_path)
    for each in (tokenizer, AutoTokenizer.from_pretrained(tmp_path)):
        ids = each("Who built it?")["input_ids"]
        assert each.convert_ids_to_tokens(ids) == ["[CLS]", "who", "built", "it", "?"]
        assert each.eos_token == "[SEP]"
        assert each.decode(ids, skip_special_tokens=True) == "who built it?"
        assert each.model_max_length == 512


def test_its_checkpoint_is_an_ordinary_one(grown: Any, tmp_path: Path) -> None:
    tensors = {f"{QUERY}.lora_A": torch.ones(2, 384) / 20, f"{QUERY}.lora_B": torch.ones(384, 2)}
    write_delta(tmp_path / "delta", tensors, {"kind": "causal", "lora": {"r": 2, "alpha": 4.0}})
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    build_checkpoint(base_model_dir(), read_delta(tmp_path / "delta"), folder)
    model, info = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    change = model.state_dict()[f"{QUERY}.weight"] - grown.state_dict()[f"{QUERY}.weight"]
    torch.testing.assert_close(change, torch.full((384, 384), 2 * 2 * 0.05), atol=1e-3, rtol=0)

    local = load_local_model(
        str(folder),
        Cache(tmp_path / "cache"),
        chat_template=True,
        batch_size=4,
        device="cpu",
        precision="float32",
    )
    assert (local.context, local.is_chat) == (512, False)
    prompts = [Prompt(TEXT), Prompt("A much longer text about the tower. " * 5)]
    together = local.complete(prompts, max_tokens=5, stop=())
    apart = [local.complete([prompt], max_tokens=5, stop=())[0] for prompt in prompts]
    assert [each.text for each in together] == [each.text for each in apart]
    assert local.cost(prompts, 5).gflop
