"""A converted checkpoint computes what Megatron's own code computes.

The reference below follows Megatron's legacy transformer step by step, on whole weights and with
sequences first as there; it shares no code with the model under test.
"""

from __future__ import annotations

import math
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from odqa.errors import CheckpointError
from odqa.retro.create.megatron.convert import convert_megatron
from odqa.retro.model.config import RetroConfig
from odqa.retro.model.model import RetroModel
from odqa.testing.megatron_checkpoint import cross_layers, write_checkpoint

M, R, K = 8, 16, 2
VARIANTS: dict[str, dict[str, Any]] = {
    "48b": {},
    "8b": {"swiglu": False, "squared_relu": True},
    "gpt": {
        "swiglu": False,
        "bias_gelu_fusion": True,
        "add_bias_linear": True,
        "apply_layernorm_1p": False,
        "use_rotary_position_embeddings": False,
        "add_position_embedding": True,
        "untie_embeddings_and_output_weights": False,
    },
    "gated": {"retro_attention_gate": 0.25},
    "off": {"retro_attention_gate": 0.0},
}


class Megatron:
    """States are [s, b, h], as in Megatron."""

    def __init__(self, args: Namespace, tensors: dict[str, Tensor]) -> None:
        self.args = args
        self.w = {name: tensor.double() for name, tensor in tensors.items()}
        self.crossing = cross_layers(args.num_layers)

    def norm(self, name: str, x: Tensor) -> Tensor:
        weight = self.w[f"{name}.weight"] + int(self.args.apply_layernorm_1p)
        mean, variance = x.mean(-1, keepdim=True), x.var(-1, correction=0, keepdim=True)
        scaled = (x - mean) / (variance + self.args.layernorm_epsilon).sqrt()
        return scaled * weight + self.w[f"{name}.bias"]

    def linear(self, name: str, x: Tensor) -> Tensor:
        out = x @ self.w[f"{name}.weight"].T
        return out + self.w[f"{name}.bias"] if self.args.add_bias_linear else out

    def rotated(self, x: Tensor) -> Tensor:
        """x [s, b, heads, c]: the first half of each head turns, in two half-split parts."""
        turning = int(x.shape[-1] * self.args.rotary_percent)
        out = x.clone()
        for s in range(x.shape[0]):
            for i in range(turning // 2):
                angle = s / 10_000 ** (2 * i / turning)
                a, b = x[s, ..., i], x[s, ..., i + turning // 2]
                out[s, ..., i] = a * math.cos(angle) - b * math.sin(angle)
                out[s, ..., i + turning // 2] = b * math.cos(angle) + a * math.sin(angle)
        return out

    def mix(self, q: Tensor, k: Tensor, v: Tensor, causal: bool) -> Tensor:
        scores = torch.einsum("qbhc,kbhc->bhqk", q, k) / math.sqrt(self.args.kv_channels)
        if causal:
            future = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
            scores = scores.masked_fill(future, -10_000.0)
        return torch.einsum("bhqk,kbhc->qbhc", scores.softmax(-1), v).flatten(2)

    def self_attention(self, name: str, x: Tensor, decoder: bool) -> Tensor:
        c = self.args.kv_channels
        mixed = self.linear(f"{name}.query_key_value", x)
        q, k, v = mixed.view(*x.shape[:2], -1, 3 * c).split(c, dim=-1)
        if decoder and self.args.use_rotary_position_embeddings:
            q, k = self.rotated(q), self.rotated(k)
        return self.linear(f"{name}.dense", self.mix(q, k, v, causal=decoder))

    def inter_attention(self, name: str, x: Tensor, source: Tensor) -> Tensor:
        c = self.args.kv_channels
        q = self.linear(f"{name}.query", x).view(*x.shape[:2], -1, c)
        mixed = self.linear(f"{name}.key_value", source)
        k, v = mixed.view(*source.shape[:2], -1, 2 * c).split(c, dim=-1)
        return self.linear(f"{name}.dense", self.mix(q, k, v, causal=False))

    def mlp(self, name: str, x: Tensor) -> Tensor:
        up = self.linear(f"{name}.dense_h_to_4h", x)
        if self.args.swiglu:
            gate, up = up.chunk(2, dim=-1)
            up = F.silu(gate) * up
        elif getattr(self.args, "squared_relu", False):
            up = F.relu(up) ** 2
        else:
            up = 0.5 * up * (1 + torch.tanh(0.79788456 * up * (1 + 0.044715 * up * up)))
        return self.linear(f"{name}.dense_4h_to_h", up)

    def embed(self, ids: Tensor) -> Tensor:
        """[b, s] -> [s, b, h]"""
        h = self.w["embedding.word_embeddings.weight"][ids]
        if self.args.add_position_embedding:
            h = h + self.w["embedding.position_embeddings.weight"][: ids.shape[1]]
        return h.transpose(0, 1)

    def retrieve(self, name: str, x: Tensor, chunk: Tensor) -> Tensor:
        """x [r, bs * k, h], chunk [m, bs, h]; the layers of the retriever."""
        for i in range(self.args.retro_encoder_layers):
            layer = f"{name}.layers.{i}"
            x = x + self.self_attention(
                f"{layer}.self_attention", self.norm(f"{layer}.input_norm", x), decoder=False
            )
            normed = self.norm(f"{layer}.post_attention_norm", x)
            if i == 0:
                per_neighbour = []
                for j in range(K):
                    query = normed.view(R, -1, K, normed.shape[-1])[:, :, j]
                    attended = self.inter_attention(f"{layer}.inter_attention", query, chunk)
                    per_neighbour.append(x.view(R, -1, K, x.shape[-1])[:, :, j] + attended)
                x = torch.stack(per_neighbour, dim=1).reshape(x.shape)
                normed = self.norm(f"{layer}.post_inter_attention_norm", x)
            x = x + self.mlp(f"{layer}.mlp", normed)
        return x

    def logits(self, ids: Tensor, neighbours: Tensor) -> Tensor:
        """ids [b, s], neighbours [b, l, k, r] -> [b, s, v]"""
        batch, length = ids.shape
        count = math.ceil(length / M)
        h, encoded = self.embed(ids), torch.empty(0)
        d = h.shape[-1]
        for i in range(self.args.num_layers):
            layer = f"encoder.layers.{i}"
            h = h + self.self_attention(
                f"{layer}.self_attention", self.norm(f"{layer}.input_norm", h), decoder=True
            )
            normed = self.norm(f"{layer}.post_attention_norm", h)
            if i + 1 in self.crossing:
                if i + 1 == self.crossing[0]:
                    first = length % M or M
                    chunks = [normed[:first], *normed[first:].split(M)]
                    encodings = [
                        self.retrieve(
                            f"{layer}.retriever", self.embed(neighbours[:, u].reshape(-1, R)), chunk
                        )
                        for u, chunk in enumerate(chunks)
                    ]
                    # The retriever leaves neighbours outermost: [r, k * bs, h] for each chunk.
                    encoded = torch.stack([e.reshape(R * K, batch, d) for e in encodings], dim=2)
                    encoded = encoded.reshape(R * K, batch * count, d)
                pad = (length - 1) % M
                attending = F.pad(normed[pad:], (0, 0, 0, 0, 0, M - 1))
                attending = attending.reshape(count, M, batch, d).permute(1, 2, 0, 3)
                attending = attending.reshape(M, batch * count, d)
                attended = self.inter_attention(f"{layer}.inter_attention", attending, encoded)
                attended = attended.reshape(M, batch, count, d).permute(2, 0, 1, 3)
                attended = attended.reshape(M * count, batch, d)
                attended = F.pad(attended, (0, 0, 0, 0, pad, 0))[:length]
                h = h + getattr(self.args, "retro_attention_gate", 1.0) * attended
                normed = self.norm(f"{layer}.post_inter_attention_norm", h)
            h = h + self.mlp(f"{layer}.mlp", normed)
        table = self.w.get("output_layer.weight", self.w["embedding.word_embeddings.weight"])
        return (self.norm("encoder.final_norm", h) @ table.T).transpose(0, 1)


def batch(length: int = 4 * M) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(60, (2, length), generator=generator)
    return ids, torch.randint(60, (2, 4, K, R), generator=generator)


def converted(source: Path, target: Path, **options: Any) -> RetroModel:
    return RetroModel.from_pretrained(
        convert_megatron(source, target, **options), dtype=torch.float64
    )


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("variant", VARIANTS)
def test_logits_are_megatrons(variant: str, ranks: int, tmp_path: Path) -> None:
    args, tensors = write_checkpoint(tmp_path / "megatron", ranks=ranks, **VARIANTS[variant])
    model = converted(tmp_path / "megatron", tmp_path / "ours")
    ids, neighbours = batch()
    with torch.no_grad():
        ours = model(ids, neighbour_ids=neighbours).logits
        off = model(ids).logits
    theirs = Megatron(args, tensors).logits(ids, neighbours)
    # Megatron's tanh GELU rounds its constant, and a gate is stored in float32.
    tolerance = 1e-5 if variant in ("gpt", "gated") else 1e-9
    torch.testing.assert_close(ours, theirs, rtol=0, atol=tolerance)
    changed = (ours - off).abs().max()
    assert changed == 0 if variant == "off" else changed > 0.1


def test_padding_of_the_vocabulary_is_cut_off(tmp_path: Path) -> None:
    args, tensors = write_checkpoint(tmp_path / "megatron")
    model = converted(tmp_path / "megatron", tmp_path / "ours", vocab_size=60)
    ids, neighbours = batch()
    with torch.no_grad():
        ours = model(ids, neighbour_ids=neighbours).logits
    theirs = Megatron(args, tensors).logits(ids, neighbours)
    torch.testing.assert_close(ours, theirs[..., :60], rtol=0, atol=1e-9)
    with pytest.raises(CheckpointError, match="not within the 64 tokens"):
        convert_megatron(tmp_path / "megatron", tmp_path / "other", vocab_size=65)


def test_chunks_end_with_the_sequence(tmp_path: Path) -> None:
    """A short first chunk retrieves, and its last token sees what it got.

    The reference leaves out the zeros Megatron fills that chunk up with, which we mask.
    """
    args, tensors = write_checkpoint(tmp_path / "megatron")
    model = converted(tmp_path / "megatron", tmp_path / "ours")
    ids, neighbours = batch(4 * M - 5)
    with torch.no_grad():
        on = model(ids, neighbour_ids=neighbours).logits
        off = model(ids).logits
    theirs = Megatron(args, tensors).logits(ids, neighbours)
    torch.testing.assert_close(on, theirs, rtol=0, atol=1e-9)
    changed = (on != off).any(-1).any(0)
    assert changed.tolist() == [False] * 2 + [True] * (4 * M - 5 - 2)


def test_gate_of_an_instructed_model_can_be_opened(tmp_path: Path) -> None:
    args, tensors = write_checkpoint(tmp_path / "megatron", retro_attention_gate=0.0)
    model = converted(tmp_path / "megatron", tmp_path / "ours", gate=1.0)
    args.retro_attention_gate = 1.0
    ids, neighbours = batch()
    with torch.no_grad():
        ours = model(ids, neighbour_ids=neighbours).logits
    theirs = Megatron(args, tensors).logits(ids, neighbours)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)


def test_half_precision_is_kept(tmp_path: Path) -> None:
    _, tensors = write_checkpoint(tmp_path / "source")
    for path in (tmp_path / "source").glob("release/*/*.pt"):
        saved = torch.load(path, weights_only=False)
        language = saved["model"]["language_model"]
        for group in (language["encoder"], language["output_layer"]):
            group.update({name: tensor.bfloat16() for name, tensor in group.items()})
        table = language["embedding"]["word_embeddings"]
        table["weight"] = table["weight"].bfloat16()
        torch.save(saved, path)
    folder = convert_megatron(tmp_path / "source", tmp_path / "ours")
    model = RetroModel.from_pretrained(folder)
    assert {tensor.dtype for tensor in model.state_dict().values()} == {torch.bfloat16}
    assert torch.equal(model.readout.weight, tensors["output_layer.weight"].bfloat16())


def test_configuration_says_what_megatron_means(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "megatron")
    config = RetroConfig.from_pretrained(convert_megatron(tmp_path / "megatron", tmp_path / "ours"))
    assert config.decoder.cross_layers == (6, 9)
    assert config.encoder.cross_layers == (1,)
    assert (config.chunk_length, config.neighbour_length) == (M, R)
    assert config.chunk_alignment == "right"
    assert config.share_embeddings
    assert not config.tied_readout
    assert (config.decoder.position, config.decoder.rotary_dim) == ("rope", 4)
    assert (config.encoder.position, config.decoder.cross_position) == ("none", "none")


def test_progress_sees_every_tensor_once(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "megatron")
    names: list[str] = []

    def watch(tensors: list[Any]) -> Any:
        for tensor in tensors:
            names.append(tensor.name)
            yield tensor

    folder = convert_megatron(tmp_path / "megatron", tmp_path / "ours", progress=watch)
    assert sorted(names) == sorted(RetroModel.from_pretrained(folder).state_dict())
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ffn_hidden_size": 22}, "dense_h_to_4h.weight gives"),
        ({"untie_embeddings_and_output_weights": False}, "unknown weights output_layer.weight"),
        ({"add_bias_linear": True}, "lacks .* more"),
    ],
)
def test_weights_that_do_not_fit_are_named(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    write_checkpoint(tmp_path / "megatron")
    for path in (tmp_path / "megatron").glob("release/*/*.pt"):
        saved = torch.load(path, weights_only=False)
        vars(saved["args"]).update(change)
        torch.save(saved, path)
    with pytest.raises(CheckpointError, match=message):
        convert_megatron(tmp_path / "megatron", tmp_path / "ours")
    assert not (tmp_path / "ours").exists()
