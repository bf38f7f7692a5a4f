"""A grown model begins as its base: bit for bit ours, and Hugging Face's within rounding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from odqa.errors import CheckpointError
from odqa.retro.create.retrofit import retrofit
from odqa.retro.model.model import RetroModel
from odqa.testing.retro_model import tiny_config

SMALL: dict[str, Any] = {
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 40,
    "vocab_size": 60,
    "max_position_embeddings": 64,
}
GPT2: dict[str, Any] = {
    "n_embd": 24,
    "n_layer": 3,
    "n_head": 4,
    "vocab_size": 60,
    "n_positions": 64,
    "eos_token_id": 59,
    "bos_token_id": 59,
}
DECODERS: dict[str, transformers.PreTrainedModel] = {}


def build(name: str) -> transformers.PreTrainedModel:
    torch.manual_seed(0)
    if name == "gpt2":
        model = transformers.GPT2LMHeadModel(transformers.GPT2Config(**GPT2))
    elif name == "llama":
        config = transformers.LlamaConfig(**SMALL, num_key_value_heads=2, rope_theta=500.0)
        model = transformers.LlamaForCausalLM(config)
    elif name == "qwen2":
        config = transformers.Qwen2Config(**SMALL, num_key_value_heads=2, tie_word_embeddings=True)
        model = transformers.Qwen2ForCausalLM(config)
    elif name == "roberta":
        config = transformers.RobertaConfig(**SMALL, is_decoder=True, pad_token_id=1)
        model = transformers.RobertaModel(config, add_pooling_layer=False)
    else:
        config = transformers.BertConfig(**SMALL, is_decoder=True)
        model = transformers.BertModel(config, add_pooling_layer=False)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model.eval()


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bases")
    for name in ("gpt2", "llama", "qwen2", "bert", "roberta"):
        DECODERS[name] = build(name)
        DECODERS[name].save_pretrained(root / name)
    return root


def grow(folders: Path, name: str, **options: Any) -> RetroModel:
    arguments: dict[str, Any] = {
        "cross_layers": (2, 3),
        "conditioned_layers": (1,),
        "chunk_length": 8,
        "neighbour_length": 16,
        **options,
    }
    return retrofit(folders / name, folders / "bert", **arguments)


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(1)
    ids = torch.randint(2, 60, (2, 21), generator=draw)
    mask = torch.ones_like(ids)
    mask[1, :4] = 0
    return ids, mask


@pytest.mark.parametrize("name", ["gpt2", "llama", "qwen2", "bert", "roberta"])
@torch.no_grad()
def test_equals_hugging_face_and_its_own_closed_book(name: str, folders: Path) -> None:
    model, (ids, mask) = grow(folders, name), batch()
    places = (mask.cumsum(1) - 1).clamp(min=0)
    if name == "roberta":
        places = places + 2
    theirs = DECODERS[name](ids, attention_mask=mask, position_ids=places)
    ours = model(ids, mask)
    real = mask[..., None].bool()
    if "logits" in theirs:
        difference = (ours.logits - theirs.logits) * real
    else:
        difference = (ours.hidden - theirs.last_hidden_state) * real
    assert difference.abs().max() < 1e-4
    neighbours = torch.randint(2, 60, (2, 2, 3, 16))
    assert torch.equal(model(ids, mask, neighbours).logits, ours.logits)


@torch.no_grad()
def test_encoder_equals_bert(folders: Path) -> None:
    model, (ids, _) = grow(folders, "bert"), batch()
    config = transformers.BertConfig.from_pretrained(folders / "bert", is_decoder=False)
    theirs = transformers.BertModel.from_pretrained(
        folders / "bert", config=config, add_pooling_layer=False
    ).eval()
    mask = torch.ones_like(ids)
    mask[1, 15:] = 0
    chunk = torch.randn(2, 8, 24)
    ours = model.encode(ids[:, None], mask[:, None].bool(), chunk, None)[:, 0]
    expected = theirs(ids, attention_mask=mask).last_hidden_state
    assert ((ours - expected) * mask[..., None]).abs().max() < 1e-4


def test_one_step_moves_the_new_weights_only(folders: Path) -> None:
    model, (ids, mask) = grow(folders, "bert"), batch()
    frozen = {n: p.clone() for n, p in model.named_parameters() if not p.requires_grad}
    fresh = {n: p.clone() for n, p in model.named_parameters() if p.requires_grad}
    assert all(".cross." in name or "score_head" in name for name in fresh)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1.0)
    neighbours = torch.randint(2, 60, (2, 2, 3, 16))
    for _ in range(3):
        optimizer.zero_grad()
        model.score(model(ids, mask, neighbours).hidden).square().sum().backward()
        gates = [p.grad for n, p in model.named_parameters() if n.endswith("decoder.gate.weight")]
        assert all(float(g) != 0 for g in gates if g is not None)
        optimizer.step()
    now = dict(model.named_parameters())
    assert all(torch.equal(now[name], before) for name, before in frozen.items())
    moved = [name for name, before in fresh.items() if not torch.equal(now[name], before)]
    gates = [name for name in fresh if name.endswith("gate.weight")]
    assert set(gates) <= set(moved)
    assert "decoder.blocks.1.cross.attention.v_proj.weight" in moved


def test_encoder_may_be_new_and_embeddings_shared(folders: Path) -> None:
    model = grow(folders, "bert", share_embeddings=True)
    assert "encoder.embedding.tokens.weight" not in model.state_dict()
    fresh = retrofit(folders / "gpt2", tiny_config().encoder, cross_layers=[3], chunk_length=8)
    assert fresh.config.encoder.d_model == 12
    assert all(p.requires_grad for p in fresh.encoder.parameters())
    again = retrofit(folders / "gpt2", tiny_config().encoder, cross_layers=[3], chunk_length=8)
    pairs = zip(fresh.parameters(), again.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_what_cannot_be_expressed_is_refused(folders: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="one direction"):
        retrofit(folders / "bert", folders / "gpt2", cross_layers=[2])
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        retrofit(tmp_path, folders / "bert", cross_layers=[2])
    (tmp_path / "config.json").write_text('{"model_type": "t5"}')
    with pytest.raises(CheckpointError, match=r"no model\.safetensors"):
        retrofit(tmp_path, folders / "bert", cross_layers=[2])
    weights = (folders / "bert" / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(weights)
    with pytest.raises(CheckpointError, match=r"model_type 't5'.*use bert"):
        retrofit(tmp_path, folders / "bert", cross_layers=[2])
    config = (folders / "llama" / "config.json").read_text()
    scaled = config.replace('"rope_scaling": null', '"rope_scaling": {"rope_type": "linear"}')
    assert scaled != config
    (tmp_path / "config.json").write_text(scaled)
    with pytest.raises(CheckpointError, match="rope_scaling"):
        retrofit(tmp_path, folders / "bert", cross_layers=[2])
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(CheckpointError, match="weights lack"):
        retrofit(tmp_path, folders / "bert", cross_layers=[2])


def test_vocabularies_must_agree(folders: Path, tmp_path: Path) -> None:
    config = transformers.BertConfig(**{**SMALL, "vocab_size": 61})
    transformers.BertModel(config, add_pooling_layer=False).save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="60 and 61 tokens"):
        retrofit(folders / "gpt2", tmp_path, cross_layers=[2])


def test_adapters_fit_the_linear_layers(folders: Path) -> None:
    import peft

    model, (ids, mask) = grow(folders, "bert"), batch()
    before = model(ids, mask).hidden
    names = r".*self_attention\.(q_proj|v_proj)|.*ffw\.up_proj"
    adapted = peft.get_peft_model(
        model, peft.LoraConfig(r=2, target_modules=names, init_lora_weights=False)
    )
    grown = adapted.base_model.model
    neighbours = torch.randint(2, 60, (2, 2, 3, 16))
    changed = grown(ids, mask, neighbours).hidden
    assert not torch.allclose(changed, before)
    merged = adapted.merge_and_unload()
    assert isinstance(merged, RetroModel)
    assert not any("lora" in name for name in merged.state_dict())
    assert torch.allclose(merged(ids, mask, neighbours).hidden, changed, atol=1e-4)
