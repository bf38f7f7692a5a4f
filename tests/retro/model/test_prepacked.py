"""Prepacked layers compute what plain ones compute."""

from __future__ import annotations

import weakref
from dataclasses import replace
from functools import cache

import pytest
import torch
from torch import nn

from odqa.devices import fast_bfloat16
from odqa.retro.model import prepacked
from odqa.retro.model.blocks import FeedForward
from odqa.retro.model.config import RetroConfig, StackConfig
from odqa.retro.model.model import RetroModel
from odqa.retro.model.prepacked import PrepackedLinear, prepack

STACK = StackConfig(d_model=24, heads=2, head_dim=16, layers=3, d_ffw=40, cross_layers=(2, 3))
CONFIG = RetroConfig(
    vocab_size=50,
    decoder=STACK,
    encoder=replace(STACK, layers=2, cross_layers=(1,)),
    chunk_length=8,
    neighbour_length=12,
    score_head=True,
)

pytestmark = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available(), reason="this torch was built without oneDNN"
)


def ids(*shape: int) -> torch.Tensor:
    return torch.randint(1, 50, shape, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rows", [1, 5, 1030])
def test_products_and_gelu(bias: bool, rows: int) -> None:
    torch.manual_seed(0)
    plain = nn.Linear(24, 40, bias=bias)
    packed, x = PrepackedLinear(plain), torch.randn(rows, 24)
    with torch.inference_mode():
        expected = x.double() @ plain.weight.double().T
        expected = expected + plain.bias.double() if bias else expected
        torch.testing.assert_close(packed(x).double(), expected, atol=1e-5, rtol=1e-5)
        gelu = 0.5 * expected * (1 + torch.erf(expected / 2**0.5))
        torch.testing.assert_close(packed.gelu(x).double(), gelu, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["gelu", "gelu_tanh", "relu", "squared_relu", "geglu", "swiglu"])
def test_every_feed_forward(kind: str) -> None:
    torch.manual_seed(0)
    part, x = FeedForward(replace(STACK, ffw=kind, bias=True)), torch.randn(2, 7, 24)
    with torch.inference_mode():
        before = part(x)
        prepack(part)
        torch.testing.assert_close(part(x), before, atol=1e-5, rtol=1e-5)
    assert isinstance(part.up_proj, PrepackedLinear)


@pytest.mark.parametrize("position", ["xl", "rope", "bias"])
def test_whole_model(position: str) -> None:
    torch.manual_seed(0)
    decoder = replace(STACK, position=position, cross_position=position)
    model = RetroModel(replace(CONFIG, decoder=decoder)).eval()
    size = sum(p.numel() for p in model.parameters())
    tokens, neighbours = ids(2, 27), ids(2, 3, 2, 12)
    mask = torch.ones_like(neighbours, dtype=torch.bool)
    mask[0, 1, 1, 5:] = False
    with torch.inference_mode():
        before = model(tokens, None, neighbours, mask)
        score = model.score(before.hidden)
        prepack(model)
        after = model(tokens, None, neighbours, mask)
        torch.testing.assert_close(model.score(after.hidden), score, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(after.logits, before.logits, atol=1e-5, rtol=1e-5)
    plain = {name for name, part in model.named_modules() if type(part) is nn.Linear}
    assert all("positions" in name or name == "score_head" for name in plain)
    assert sum(p.numel() for p in model.parameters()) == size
    assert not any(p.requires_grad for p in model.parameters())


def test_other_formats_and_adapters_stay() -> None:
    class Adapter(nn.Linear):
        pass

    parts = nn.Sequential(nn.Linear(4, 4).double(), nn.Linear(4, 4).half(), Adapter(4, 4))
    prepack(parts)
    assert [type(part) for part in parts] == [nn.Linear, nn.Linear, Adapter]


def half_feed_forward() -> tuple[FeedForward, torch.Tensor, torch.Tensor]:
    """The part in bfloat16, an input, and the part's output in float32."""
    torch.manual_seed(0)
    part, x = FeedForward(STACK).bfloat16(), torch.randn(5, 24)
    with torch.inference_mode():
        exact = part.float()(x)
    return part.bfloat16(), x.bfloat16(), exact


def test_bfloat16_is_laid_out_where_the_processor_computes_in_it() -> None:
    part, x, exact = half_feed_forward()
    prepack(part)
    assert isinstance(part.up_proj, PrepackedLinear) is fast_bfloat16(torch.device("cpu"))
    with torch.inference_mode():
        torch.testing.assert_close(part(x).float(), exact, atol=2e-2, rtol=2e-2)


def test_bfloat16_stays_plain_where_the_processor_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepacked, "fast_bfloat16", lambda _: False)
    part, x, exact = half_feed_forward()
    prepack(part)
    assert type(part.up_proj) is nn.Linear
    with torch.inference_mode():
        torch.testing.assert_close(part(x).float(), exact, atol=2e-2, rtol=2e-2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("step", ["_reorder_linear_weight", "_linear_pointwise"])
def test_what_torch_refuses_stays_plain_and_is_logged_once(
    dtype: torch.dtype,
    step: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("needs other instructions")

    # Not the cached function: what it finds here must not outlive the test.
    accepts = cache(prepacked._torch_accepts.__wrapped__)
    monkeypatch.setattr(prepacked, "_torch_accepts", accepts)
    monkeypatch.setattr(prepacked, "fast_bfloat16", lambda _: True)
    # The first step must not fail by itself, as it does on some processors.
    monkeypatch.setattr(torch.ops.mkldnn, "_reorder_linear_weight", lambda weight, _: weight)
    monkeypatch.setattr(torch.ops.mkldnn, step, refuse)
    part, x = FeedForward(STACK).to(dtype), torch.randn(5, 24).to(dtype)
    with torch.inference_mode():
        before = part(x)
        prepack(part)
        assert torch.equal(part(x), before)
    assert type(part.up_proj) is nn.Linear
    (message,) = caplog.messages
    assert str(dtype).removeprefix("torch.") in message and "needs other instructions" in message


def test_nothing_happens_without_onednn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    part = FeedForward(STACK)
    prepack(part)
    assert type(part.up_proj) is nn.Linear
    assert part.up_proj.weight.requires_grad


def test_a_layer_is_freed_before_the_next_is_laid_out(monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.Sequential(*(nn.Linear(4, 4) for _ in range(3)), nn.Sequential(nn.Linear(4, 4)))
    plain = [weakref.ref(part) for part in model.modules() if type(part) is nn.Linear]
    alive: list[int] = []
    lay_out = PrepackedLinear.__init__

    def counted(self: PrepackedLinear, linear: nn.Linear) -> None:
        alive.append(sum(part() is not None for part in plain))
        lay_out(self, linear)

    prepacked._torch_accepts(torch.float32)  # The layer it tries must not be counted.
    monkeypatch.setattr(PrepackedLinear, "__init__", counted)
    prepack(model)
    assert alive == [4, 3, 2, 1]
