"""A new model that starts copying: the word after an equal word in a neighbour becomes likely."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from odqa.retro.create.copying import can_copy, start_copying
from odqa.retro.model.config import RetroConfig, StackConfig
from odqa.retro.model.model import RetroModel

M, VOCABULARY, WIDTH = 4, 60, 64


def config(position: str = "bias") -> RetroConfig:
    stack = StackConfig(
        d_model=WIDTH,
        heads=1,
        head_dim=WIDTH,
        layers=2,
        d_ffw=WIDTH,
        cross_layers=(2,),
        position="rope",
        cross_position="bias",
    )
    encoder = replace(stack, layers=1, cross_layers=(), position=position)  # type: ignore[arg-type]
    return RetroConfig(
        vocab_size=VOCABULARY,
        decoder=stack,
        encoder=encoder,
        chunk_length=M,
        neighbour_length=2 * M,
        share_embeddings=True,
    )


def test_what_followed_the_same_word_becomes_the_likeliest() -> None:
    torch.manual_seed(0)
    model = RetroModel(config()).eval()
    start_copying(model, seed=1)
    draw = torch.Generator().manual_seed(0)
    rows = torch.stack([torch.randperm(VOCABULARY, generator=draw)[:14] for _ in range(40)])
    ids, neighbours, target = rows[:, :M], rows[:, M:12].clone(), rows[:, 13]
    # Each neighbour has the last token of the chunk somewhere, and the target after it.
    place = torch.randint(0, 2 * M - 1, (40,), generator=draw)
    index = torch.arange(40)
    neighbours[index, place], neighbours[index, place + 1] = ids[:, -1], target
    with torch.no_grad():
        on = model(ids, None, neighbours[:, None, None]).logits[:, -1]
        off = model(ids).logits[:, -1]
    likeliest = (on - off).argmax(-1)
    assert (likeliest == target).float().mean() > 0.9
    assert (off.argmax(-1) == target).float().mean() < 0.1


def test_the_same_seed_gives_the_same_start() -> None:
    models = []
    for seed in (1, 1, 2):
        torch.manual_seed(0)
        models.append(RetroModel(config()))
        start_copying(models[-1], seed)
    keys = [model.decoder.cca(2).attention.k_proj.weight for model in models]  # type: ignore[union-attr]
    assert torch.equal(keys[0], keys[1])
    assert not torch.equal(keys[0], keys[2])


def test_a_configuration_that_does_not_fit_is_refused() -> None:
    assert can_copy(config())
    assert not can_copy(config("rope"))
    assert not can_copy(replace(config(), share_embeddings=False))
    with pytest.raises(ValueError, match="bucketed"):
        start_copying(RetroModel(config("rope")), 0)
