"""An encoder-decoder grown from the base model, held against transformers' BERT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModel, AutoModelForSeq2SeqLM, AutoTokenizer

from odqa.checkpoints.bart import bart_name, grow_bart
from odqa.checkpoints.base_model import base_model_dir
from odqa.checkpoints.build import build_checkpoint
from odqa.checkpoints.delta import read_delta, write_delta
from odqa.errors import CheckpointError

TEXTS = ["who built the tower", "The tower was built by a king, of stone from the river."]
FC1 = "model.decoder.layers.1.fc1"


@pytest.fixture(scope="module")
def grown() -> Any:
    return grow_bart(base_model_dir(), (2, 5))


@torch.no_grad()
def test_its_encoder_gives_the_base_models_states(grown: Any) -> None:
    base = AutoModel.from_pretrained(base_model_dir())
    inputs = AutoTokenizer.from_pretrained(base_model_dir())(
        TEXTS, padding=True, return_tensors="pt"
    )
    expected = base(**inputs).last_hidden_state
    ids, mask = inputs["input_ids"], inputs["attention_mask"]
    states = grown.get_encoder()(input_ids=ids, attention_mask=mask).last_hidden_state
    # BART's norms add 1e-5 to the variance, BERT's 1e-12.
    torch.testing.assert_close(states[mask > 0], expected[mask > 0], atol=2e-3, rtol=0)


def test_its_decoder_starts_from_the_named_layers(grown: Any) -> None:
    base = AutoModel.from_pretrained(base_model_dir()).encoder.layer
    for layer, source in zip(grown.get_decoder().layers, (base[1], base[4]), strict=True):
        attention = source.attention
        assert torch.equal(layer.self_attn.q_proj.weight, attention.self.query.weight)
        assert torch.equal(layer.fc2.bias, source.output.dense.bias)
        assert torch.equal(layer.encoder_attn.k_proj.weight, attention.self.key.weight)
        expected = 0.46 * attention.output.dense.weight
        torch.testing.assert_close(layer.encoder_attn.out_proj.weight, expected)


def test_names_of_the_encoder() -> None:
    name = "bert.encoder.layer.3.attention.output.LayerNorm.bias"
    assert bart_name(name) == "model.encoder.layers.3.self_attn_layer_norm.bias"
    name = "encoder.layer.0.intermediate.dense.lora_A"
    assert bart_name(name) == "model.encoder.layers.0.fc1.lora_A"
    assert bart_name(FC1 + ".weight") == FC1 + ".weight"
    assert bart_name("qa_outputs.weight") == "qa_outputs.weight"


def written(folder: Path, tensors: dict[str, torch.Tensor]) -> Path:
    config = {"kind": "bart", "decoder_layers": [2, 5], "lora": {"r": 2, "alpha": 4.0}}
    write_delta(folder / "delta", tensors, config)
    out = folder / "checkpoint"
    out.mkdir()
    build_checkpoint(base_model_dir(), read_delta(folder / "delta"), out)
    return out


@torch.no_grad()
def test_its_checkpoint_is_an_ordinary_one(grown: Any, tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 384, generator=generator), torch.randn(1536, 2, generator=generator)
    folder = written(tmp_path, {f"{FC1}.lora_A": a / 20, f"{FC1}.lora_B": b / 20})
    model, info = AutoModelForSeq2SeqLM.from_pretrained(folder, output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    weights, before = model.state_dict(), grown.state_dict()
    half = (b / 20).half().float() @ (a / 20).half().float()
    torch.testing.assert_close(weights[f"{FC1}.weight"], before[f"{FC1}.weight"] + 2 * half)
    assert all(torch.equal(w, before[n]) for n, w in weights.items() if n != f"{FC1}.weight")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(TEXTS[0], return_tensors="pt")["input_ids"]
    out = model.generate(ids, max_new_tokens=3, do_sample=False)[0].tolist()
    assert out[0] == tokenizer.cls_token_id
    assert model.generation_config.eos_token_id == tokenizer.sep_token_id


def test_a_change_of_another_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not fit"):
        written(tmp_path, {"model.decoder.layers.7.fc1.weight": torch.zeros(1536, 384)})
