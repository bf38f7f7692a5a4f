"""Reading out a language model only where its logits are used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


@contextmanager
def read_out_from(model: Any, first: int) -> Iterator[None]:
    """Within it the logits of ``model`` are of the positions from ``first`` on alone.

    The vocabulary is most of a small model's operations. transformers has ``logits_to_keep`` for
    it, but not in every architecture, BERT as a decoder among those without. Where the read-out is
    no module that takes states [texts, tokens, width], nothing changes: count positions from the
    end of the logits.

    Args:
        model: a causal language model of transformers.
        first: a position; a negative one is counted from the end.
    """
    head = model.get_output_embeddings()
    if head is None:
        yield
        return

    def cut(_: Any, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        states, *rest = args
        return (states[:, first:] if states.dim() == 3 else states, *rest)

    handle = head.register_forward_pre_hook(cut)
    try:
        yield
    finally:
        handle.remove()
