from __future__ import annotations

import pytest
import torch
from torch import nn
from transformers import BertConfig, BertForSequenceClassification

from odqa.checkpoints.delta import merge
from odqa.errors import CheckpointError
from odqa.training.model.lora import attach, extract, kept, load
from odqa.training.recipes import LoraPart

LORA = LoraPart(r=4, alpha=8.0, dropout=0.0, encoder_dropout=0.0)
HEADS = ("bert.pooler.", "classifier.")


def _bert() -> BertForSequenceClassification:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=50,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
        num_labels=1,
    )
    return BertForSequenceClassification(config).eval()


def _changed() -> nn.Module:
    model = attach(_bert(), LORA, HEADS)
    torch.manual_seed(1)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data.normal_(0, 0.3)
    return model.eval()


def test_the_merged_model_computes_what_the_adapted_one_does() -> None:
    changed = _changed()
    merged = _bert()
    plain = {name: tensor.clone() for name, tensor in merged.state_dict().items()}
    merged.load_state_dict(merge(plain, extract(changed), LORA.alpha / LORA.r))
    ids = torch.arange(24).view(2, 12)
    logits, expected = merged(input_ids=ids).logits, changed(input_ids=ids).logits
    assert torch.allclose(logits, expected, atol=1e-5)
    assert not torch.allclose(logits, _bert()(input_ids=ids).logits, atol=1e-2)


def test_every_linear_layer_of_the_blocks_is_adapted_and_nothing_else_but_the_heads() -> None:
    names = set(extract(attach(_bert(), LORA, HEADS)))
    layers = ("attention.self.query", "attention.self.key", "attention.self.value")
    layers += ("attention.output.dense", "intermediate.dense", "output.dense")
    expected = {
        f"bert.encoder.layer.{i}.{layer}.lora_{side}"
        for i in range(2)
        for layer in layers
        for side in "AB"
    }
    heads = {
        f"{head}.{kind}"
        for head in ("bert.pooler.dense", "classifier")
        for kind in ("weight", "bias")
    }
    assert names == expected | heads


def test_a_fresh_change_changes_nothing() -> None:
    ids = torch.arange(12)[None]
    before = _bert()(input_ids=ids).logits
    after = attach(_bert(), LORA).eval()(input_ids=ids).logits
    assert torch.allclose(before, after, atol=1e-6)


def test_what_was_extracted_can_be_loaded_again() -> None:
    changed = _changed()
    again = attach(_bert(), LORA, HEADS)
    load(again, extract(changed))
    ids = torch.arange(12)[None]
    assert torch.equal(again.eval()(input_ids=ids).logits, changed(input_ids=ids).logits)
    with pytest.raises(CheckpointError, match="another model"):
        load(again, {"bert.nothing.lora_A": torch.zeros(1)})
    smaller = LoraPart(r=2, alpha=8.0, dropout=0.0)
    with pytest.raises(CheckpointError, match=r"shape \[4, 16\] instead of \[2, 16\]"):
        load(attach(_bert(), smaller, HEADS), extract(changed))


def test_half_a_pair_or_an_unknown_layer_is_refused() -> None:
    weights = {"a.weight": torch.zeros(2, 3)}
    with pytest.raises(CheckpointError, match="'a'"):
        merge(weights, {"a.lora_A": torch.zeros(1, 3)}, 1.0)
    with pytest.raises(CheckpointError, match="'b'"):
        merge(weights, {"b.lora_A": torch.zeros(1, 3), "b.lora_B": torch.zeros(2, 1)}, 1.0)


def test_merging_by_hand() -> None:
    weights = {"a.weight": torch.tensor([[1.0, 0.0], [0.0, 1.0]])}
    change = {"a.lora_A": torch.tensor([[1.0, 2.0]]), "a.lora_B": torch.tensor([[3.0], [0.0]])}
    assert merge(weights, change, 0.5)["a.weight"].tolist() == [[2.5, 3.0], [0.0, 1.0]]


def test_a_share_of_the_change_lies_between_base_and_trained_model() -> None:
    changed = _changed()
    before = extract(changed)
    before = {name: tensor.clone() for name, tensor in before.items()}
    with kept(changed, 0.25):
        share = {name: tensor.clone() for name, tensor in extract(changed).items()}
    for name, tensor in before.items():
        factor = 0.25 if name.endswith("lora_B") else 1.0
        assert torch.equal(share[name], factor * tensor)
    after = extract(changed)
    assert all(torch.equal(after[name], before[name]) for name in before)
