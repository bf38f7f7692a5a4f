"""A tiny RETRO ranker with random weights, in its checkpoint format. It is not trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from odqa.testing.tiny_checkpoints import tiny_tokenizer


def tiny_retro(
    folder: Path, *, conditioned: bool = True, seed: int = 0, spread: float = 0.2, **ranking: Any
) -> Path:
    """Three decoder layers with cross-attention in two, an encoder of two layers, width 16.

    Args:
        folder: written here.
        conditioned: let the encoder see the question.
        seed: of the random weights.
        spread: their standard deviation.
        ranking: fields of `odqa.retro.model.ranking_settings.RankingSettings`.
    """
    import torch

    from odqa.retro.model.config import RetroConfig, StackConfig
    from odqa.retro.model.model import RetroModel
    from odqa.retro.model.ranking_settings import RankingSettings

    tokenizer = tiny_tokenizer(folder)
    shape: dict[str, Any] = {"d_model": 16, "heads": 2, "head_dim": 8, "d_ffw": 32}
    config = RetroConfig(
        vocab_size=len(tokenizer),
        decoder=StackConfig(**shape, layers=3, cross_layers=(2, 3)),
        encoder=StackConfig(**shape, layers=2, cross_layers=(1,) if conditioned else ()),
        chunk_length=24,
        neighbour_length=40,
        score_head=True,
        pad_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = RetroModel(config)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.ndim > 1:
                    parameter.normal_(std=spread)
    model.save_pretrained(folder)
    RankingSettings(**ranking).save(folder)
    return folder
