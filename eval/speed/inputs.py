"""The same random batch on both sides; needs torch alone."""

from __future__ import annotations

import torch
from torch import Tensor

from eval.speed.sizes import Sizes


def batch(sizes: Sizes, device: str) -> tuple[Tensor, Tensor]:
    """Token ids [B, T] and neighbours' ids [B, l, k, r], no padding (id 0) among them."""
    random = torch.Generator().manual_seed(20)
    ids = torch.randint(1, sizes.vocabulary, (sizes.batch, sizes.tokens), generator=random)
    shape = (sizes.batch, sizes.chunks, sizes.neighbours, sizes.retrieved)
    found = torch.randint(1, sizes.vocabulary, shape, generator=random)
    return ids.to(device), found.to(device)


def synchronise(device: str) -> None:
    """Wait for what was only queued on a GPU."""
    if device == "cuda":
        torch.cuda.synchronize()
