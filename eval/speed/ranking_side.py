"""One way of ranking a question's candidates, one whole ranking per run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from eval.speed.inputs import synchronise
from eval.speed.worker import Job, serve
from odqa.retro.model.config import RetroConfig
from odqa.retro.model.model import RetroModel
from odqa.retro.model.neighbour_keys import project_neighbours
from odqa.retro.model.prepacked import prepack
from odqa.retro.model.presets import WORDPIECES, preset
from odqa.retro.offline.encodings import encode_neighbours, prompt_chunk, stack_kv, unstack_kv
from odqa.retro.rank.scores import score_encoded, score_projected
from odqa.retro.rank.shared_prefix import encode_candidates, share_prefix

BATCH = 20
"""Candidates at a time, on every side."""

Ranker = Callable[[], Tensor]


def ranking_config(settings: Mapping[str, Any]) -> RetroConfig:
    """A preset with a scoring head; ``small`` shrinks it for tests."""
    config = replace(preset(settings["preset"]), vocab_size=WORDPIECES, score_head=True)
    if not settings.get("small"):
        return config
    small = {"d_model": 32, "heads": 2, "head_dim": 16, "d_ffw": 64}
    decoder = replace(config.decoder, **small, layers=4, cross_layers=(2, 4))
    encoder = replace(config.encoder, **small)
    return replace(config, vocab_size=100, decoder=decoder, encoder=encoder)


def build(settings: Mapping[str, Any]) -> tuple[Job, Mapping[str, Any]]:
    """``way`` is ``naive`` (a full forward for each candidate), ``prefix`` or ``offline``."""
    torch.set_num_threads(settings["threads"])
    torch.manual_seed(0)
    device = settings["device"]
    model = RetroModel(ranking_config(settings)).eval()
    model = model.to(device, getattr(torch, settings["dtype"]))
    prepack(model)
    m, vocabulary = model.config.chunk_length, model.config.vocab_size
    random = torch.Generator().manual_seed(7)
    # The question ends the first chunk (RETRO's QA format), so one position sees passages.
    ids = torch.randint(1, vocabulary, (1, m), generator=random).to(device)
    shape = (1, settings["candidates"], model.config.neighbour_length)
    passages = torch.randint(1, vocabulary, shape, generator=random).to(device)
    ways = {"naive": _naive, "prefix": _prefix, "offline": _offline}
    rank = torch.inference_mode()(ways[settings["way"]])(model, ids, passages)

    @torch.inference_mode()
    def job() -> Mapping[str, Any]:
        scores = rank()
        synchronise(device)
        return {"scores": scores.flatten().float().tolist()}

    return job, {"parameters": sum(p.numel() for p in model.parameters())}


def _naive(model: RetroModel, ids: Tensor, passages: Tensor) -> Ranker:
    def rank() -> Tensor:
        scores = []
        for part in passages[0].split(BATCH):
            every = ids.expand(len(part), -1)
            hidden = model(every, None, part[:, None, None], with_logits=False).hidden
            scores.append(model.score(hidden[:, -1]))
        return torch.cat(scores)

    return rank


def _prefix(model: RetroModel, ids: Tensor, passages: Tensor) -> Ranker:
    def rank() -> Tensor:
        shared, scores = share_prefix(model, ids), []
        for part in passages.split(BATCH, 1):
            mask = torch.ones_like(part, dtype=torch.bool)
            encoded = encode_candidates(model, shared, part, mask)
            scores.append(score_encoded(model, shared, encoded, mask))
        return torch.cat(scores, 1)

    return rank


def _offline(model: RetroModel, ids: Tensor, passages: Tensor) -> Ranker:
    """Keys and values lie ready in memory, conditioned on the question's own chunk.

    With a constant first chunk, or an unconditioned encoder, they would serve every question;
    the work that is left is the same, and here the scores must equal those of the other ways.
    """
    mask = torch.ones_like(passages, dtype=torch.bool)
    chunk = prompt_chunk(model, ids[0], torch.ones_like(ids[0]))
    stored = torch.cat(
        [
            stack_kv(project_neighbours(model, encode_neighbours(model, part, seen, chunk)))
            for part, seen in zip(passages[0].split(BATCH), mask[0].split(BATCH), strict=True)
        ]
    )

    def rank() -> Tensor:
        shared = share_prefix(model, ids)
        return score_projected(model, shared, unstack_kv(model, stored), mask)

    return rank


if __name__ == "__main__":
    serve(build)
