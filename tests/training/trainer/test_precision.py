"""bfloat16 only where it was asked for, or where the processor computes in it."""

from __future__ import annotations

import pytest
import torch

from odqa.training.recipes import OptimPart
from odqa.training.trainer import precision
from odqa.training.trainer.precision import forward_precision


def product_dtype(bf16: bool | None) -> torch.dtype:
    optim = OptimPart(steps=1, batch=1, lr=1e-3, evaluate_every=1, bf16=bf16)
    ones = torch.ones(2, 2)
    with forward_precision(optim):
        return (ones @ ones).dtype


@pytest.mark.parametrize("has", [True, False])
def test_a_silent_recipe_follows_the_processor(has: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "fast_bfloat16", lambda device: has)
    assert product_dtype(None) == (torch.bfloat16 if has else torch.float32)


def test_a_recipe_that_says_so_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "fast_bfloat16", lambda device: False)
    assert product_dtype(True) == torch.bfloat16
    assert product_dtype(False) == torch.float32


def test_attention_in_bfloat16_is_made_of_plain_products_while_it_lasts() -> None:
    allowed = torch.backends.cuda.fp16_bf16_reduction_math_sdp_allowed
    before = allowed(), torch.backends.cuda.flash_sdp_enabled()
    for bf16 in (True, False):
        optim = OptimPart(steps=1, batch=1, lr=1e-3, evaluate_every=1, bf16=bf16)
        with pytest.raises(KeyError), forward_precision(optim):
            inside = allowed(), torch.backends.cuda.flash_sdp_enabled()
            raise KeyError
        assert inside == ((True, False) if bf16 else before)
        assert (allowed(), torch.backends.cuda.flash_sdp_enabled()) == before
