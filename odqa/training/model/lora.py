"""Low-rank adaptation: attach it to a model, take it out again (Hu et al. 2021, by peft)."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from odqa.errors import CheckpointError
from odqa.training.recipes import LoraPart

# Every linear layer inside the encoder's blocks; poolers and heads are trained whole.
BERT_LAYERS = r".*encoder\.layer\.\d+\..*(query|key|value|dense)"
# Every linear layer of both stacks of a RETRO model, cross-attention included.
RETRO_LAYERS = (
    r"(decoder|encoder)\.blocks\.\d+\.(self_attention|cross\.attention|ffw)"
    r"\.(q|k|v|o|up|down)_proj"
)


def attach(
    model: nn.Module, lora: LoraPart, heads: Sequence[str] = (), targets: str = BERT_LAYERS
) -> nn.Module:
    """Freeze a model, add low-rank changes in place, and free the named heads.

    Args:
        model: any module; by default a BERT-like one, with an ``encoder.layer.N`` inside.
        lora: rank, scale and dropout.
        heads: prefixes of parameters that are trained whole.
        targets: regular expression of the linear layers that are changed.
    """
    from peft import LoraConfig, inject_adapter_in_model

    config = LoraConfig(
        r=lora.r, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=targets
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        adapted: Any = inject_adapter_in_model(config, model)
    for name, parameter in adapted.named_parameters():
        parameter.requires_grad_(".lora_" in name or name.startswith(tuple(heads)))
    return model


def attach_to_bart(model: Any, lora: LoraPart) -> nn.Module:
    """`attach` for a BART that has grown (`odqa.checkpoints.bart`): low-rank changes of all linear
    layers of both stacks; the last cross-attention, the norms behind cross-attention and the
    decoder's last norm whole, since they had to be made up."""
    last = f"model.decoder.layers.{model.config.decoder_layers - 1}."
    # What is trained whole needs no low-rank change.
    projections = r"(self_attn\.(q|k|v|out)_proj|encoder_attn\.(q|k|v|out)_proj|fc1|fc2)"
    targets = rf"(?!{last.replace('.', '[.]')}encoder_attn)"
    targets += rf"model\.(encoder|decoder)\.layers\.\d+\.{projections}"
    heads = [
        name
        for name, _ in model.named_parameters()
        if ".encoder_attn_layer_norm." in name
        or name.startswith((f"{last}encoder_attn.", f"{last}final_layer_norm."))
    ]
    return attach(model, lora, heads=heads, targets=targets)


@contextmanager
def kept(model: nn.Module, share: float) -> Iterator[None]:
    """A context in which low-rank changes count by a share; behind it they are as they were."""
    ups = [parameter for name, parameter in model.named_parameters() if ".lora_B" in name]
    before = [parameter.detach().clone() for parameter in ups] if share != 1.0 else []
    for parameter in ups if before else ():
        parameter.data.mul_(share)
    try:
        yield
    finally:
        for parameter, whole in zip(ups, before, strict=False):
            parameter.data.copy_(whole)


def extract(model: nn.Module) -> dict[str, Tensor]:
    """What was trained, by the names of the plain model: ``X.lora_A`` [r, in], ``X.lora_B``
    [out, r] for each changed ``X.weight``, and the heads under their own names."""
    return {
        name.replace(".default.weight", ""): parameter.detach().float().cpu()
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }


def load(model: nn.Module, tensors: Mapping[str, Tensor], where: str = "") -> None:
    """Put what `extract` gave back into a model that `attach` prepared.

    Args:
        model: changed in place.
        tensors: all of its trained parameters.
        where: they come from, for the error line.

    Raises:
        CheckpointError: the names or shapes are not those of this model.
    """
    trainable = {
        name.replace(".default.weight", ""): parameter
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }
    if unmatched := sorted(trainable.keys() ^ tensors.keys()):
        raise CheckpointError(
            f"weights of another model: '{unmatched[0]}' does not match",
            where=where,
            cure="use the recipe that trained them",
        )
    for name, parameter in trainable.items():
        if parameter.shape != tensors[name].shape:
            raise CheckpointError(
                f"'{name}' has shape {list(tensors[name].shape)} instead of "
                f"{list(parameter.shape)}",
                where=where,
                cure="use the lora.r of the recipe that trained it",
            )
        parameter.data.copy_(tensors[name])
