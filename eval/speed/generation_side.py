"""Generating token by token, with the cache or without; one whole generation per run."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from eval.speed.inputs import batch, synchronise
from eval.speed.ours import config
from eval.speed.sizes import Sizes
from eval.speed.worker import Job, serve
from odqa.retro.model.decoding import CachedDecoder
from odqa.retro.model.model import Neighbours, RetroModel
from odqa.retro.model.prepacked import prepack


def build(settings: Mapping[str, Any]) -> tuple[Job, Mapping[str, Any]]:
    """``way`` is ``cached``, or ``uncached``: a whole forward pass for one token.

    The tokens are given, not chosen, so that both ways read the same. Runs report ``seconds`` by
    length of what was read (the token itself included) and the ``best`` next token's logit.
    """
    torch.set_num_threads(settings["threads"])
    torch.manual_seed(0)
    sizes, device = Sizes.from_json(json.dumps(settings["sizes"])), settings["device"]
    model = RetroModel(config(sizes)).eval().to(device)
    prepack(model)
    ids, found = batch(sizes, device)
    if settings["way"] == "cached":
        return _cached(model, ids, found, device), {}
    return _uncached(model, ids, found, device, settings["lengths"]), {}


def _cached(model: RetroModel, ids: Tensor, found: Tensor, device: str) -> Job:
    def retrieve(_: Tensor, mask: Tensor, chunk: int) -> Neighbours:
        del mask
        here = found[:, chunk : chunk + 1]
        return Neighbours(torch.ones_like(here, dtype=torch.bool), here)

    @torch.inference_mode()
    def job() -> Mapping[str, Any]:
        decoder, seconds, best = CachedDecoder(model, retrieve), {}, {}
        for length in range(1, ids.shape[1] + 1):
            began = time.perf_counter()
            logits = model.logits(decoder.feed(ids[:, length - 1 : length])[:, -1])
            synchronise(device)
            seconds[length] = time.perf_counter() - began
            best[length] = float(logits.max())
        return {"seconds": seconds, "best": best}

    return job


def _uncached(
    model: RetroModel, ids: Tensor, found: Tensor, device: str, lengths: list[int]
) -> Job:
    m = model.config.chunk_length

    @torch.inference_mode()
    def job() -> Mapping[str, Any]:
        seconds, best = {}, {}
        for length in lengths:
            began = time.perf_counter()
            out = model(ids[:, :length], None, found[:, : length // m], with_logits=False)
            logits = model.logits(out.hidden[:, -1])
            synchronise(device)
            seconds[length] = time.perf_counter() - began
            best[length] = float(logits.max())
        return {"seconds": seconds, "best": best}

    return job


if __name__ == "__main__":
    serve(build)
