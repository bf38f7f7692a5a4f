"""odqa's side: a RETRO model of given sizes, one forward pass per run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import torch

from eval.speed.inputs import batch, synchronise
from eval.speed.sizes import Sizes
from eval.speed.worker import Job, serve
from odqa.retro.model.config import RetroConfig, SelfPosition, StackConfig
from odqa.retro.model.model import RetroModel
from odqa.retro.model.prepacked import prepack


def config(sizes: Sizes, position: SelfPosition = "xl", *, score_head: bool = False) -> RetroConfig:
    """The model's configuration; decoder and encoder share widths and embeddings, as the peer's."""

    def stack(layers: int, cross_layers: tuple[int, ...]) -> StackConfig:
        return StackConfig(
            d_model=sizes.width,
            heads=sizes.heads,
            head_dim=sizes.head_dim,
            layers=layers,
            d_ffw=sizes.feed_forward * sizes.width,
            cross_layers=cross_layers,
            position=position,
            cross_position=position if position != "absolute" else "none",
        )

    return RetroConfig(
        vocab_size=sizes.vocabulary,
        decoder=stack(sizes.layers, sizes.cross_layers),
        encoder=stack(sizes.encoder_layers, sizes.encoder_cross_layers),
        chunk_length=sizes.chunk,
        neighbour_length=sizes.retrieved,
        share_embeddings=True,
        tied_readout=False,
        score_head=score_head,
    )


def build(settings: Mapping[str, Any]) -> tuple[Job, Mapping[str, Any]]:
    """A forward pass with logits, as `eval.speed.peer_retro_pytorch` runs it."""
    torch.set_num_threads(settings["threads"])
    torch.manual_seed(0)
    sizes, device = Sizes.from_json(json.dumps(settings["sizes"])), settings["device"]
    model = RetroModel(config(sizes, settings["position"])).eval()
    model = model.to(device, getattr(torch, settings["dtype"]))
    facts = {"parameters": sum(p.numel() for p in model.parameters())}
    prepack(model)
    ids, found = batch(sizes, device)

    @torch.inference_mode()
    def job() -> None:
        model(ids, None, found)
        synchronise(device)

    return job, facts


if __name__ == "__main__":
    serve(build)
