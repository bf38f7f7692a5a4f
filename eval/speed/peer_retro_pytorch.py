"""The peer's side: retro-pytorch of the same sizes, one forward pass per run.

Runs in the environment that ``setup_peer.sh`` makes, where odqa is not installed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import torch
from retro_pytorch import RETRO  # type: ignore[import-not-found]
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from eval.speed.inputs import batch, synchronise
from eval.speed.sizes import Sizes
from eval.speed.worker import Job, serve

HEADS = 8
"""What its attention always has: ``RETRO(heads=...)`` does not reach it."""


def build(settings: Mapping[str, Any]) -> tuple[Job, Mapping[str, Any]]:
    """A forward pass with logits, as `eval.speed.ours` runs it."""
    torch.set_num_threads(settings["threads"])
    torch.manual_seed(0)
    sizes, device = Sizes.from_json(json.dumps(settings["sizes"])), settings["device"]
    if sizes.heads != HEADS:
        raise ValueError(f"retro-pytorch has {HEADS} heads, not {sizes.heads}")
    model = RETRO(
        num_tokens=sizes.vocabulary,
        max_seq_len=sizes.tokens,
        enc_dim=sizes.width,
        enc_depth=sizes.encoder_layers,
        enc_cross_attn_layers=sizes.encoder_cross_layers,
        dec_dim=sizes.width,
        dec_depth=sizes.layers,
        dec_cross_attn_layers=sizes.cross_layers,
        dim_head=sizes.head_dim,
        chunk_size=sizes.chunk,
    )
    model = model.eval().to(device, getattr(torch, settings["dtype"]))
    ids, found = batch(sizes, device)

    @torch.inference_mode()
    def job() -> None:
        model(ids, found)
        synchronise(device)

    facts = {"parameters": sum(p.numel() for p in model.parameters())}
    return job, facts | ({"flop": _counted(job)} if settings.get("count") else {})


def _counted(job: Job) -> int:
    """Operations of one pass as torch counts them."""
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        job()
    return int(counter.get_total_flops())


if __name__ == "__main__":
    serve(build)
