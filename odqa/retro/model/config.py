"""The configuration of a RETRO model: read from JSON, written as JSON, unknown keys refused."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

from odqa.errors import CheckpointError

Norm = Literal["rms", "layer", "layer1p"]
NormOrder = Literal["pre", "post"]
FeedForwardKind = Literal["gelu", "gelu_tanh", "relu", "squared_relu", "geglu", "swiglu"]
SelfPosition = Literal["xl", "rope", "bias", "absolute", "none"]
CrossPosition = Literal["xl", "rope", "bias", "none"]
ChunkAlignment = Literal["left", "right"]

CONFIG_FILE = "config.json"


@dataclass(frozen=True, kw_only=True)
class StackConfig:
    """One stack of blocks: the decoder, or the neighbour encoder.

    In the decoder ``cross_layers`` carry chunked cross-attention (the paper's P); in the encoder
    they attend to the retrieving chunk (P_enc), and an empty tuple makes the encoding independent
    of the question. Layers count from 1, as in the paper.
    """

    d_model: int
    heads: int
    head_dim: int
    layers: int
    d_ffw: int
    cross_layers: tuple[int, ...] = ()
    position: SelfPosition = "xl"
    cross_position: CrossPosition = "xl"
    ffw: FeedForwardKind = "gelu"
    norm: Norm = "rms"
    norm_eps: float = 1e-6
    norm_order: NormOrder = "pre"
    embed_norm: bool = False
    final_norm: bool = True
    bias: bool = False
    out_bias: bool | None = None
    """Biases of output and feed-forward projections, where they differ from ``bias``."""
    attention_scale: bool = True
    gated: bool = False
    """A learned tanh gate, zero at the start, on every cross-attention (RETROfit)."""
    rotary_fraction: float = 1.0
    rotary_theta: float = 10_000.0
    buckets: int = 32
    max_distance: int = 128
    max_positions: int = 512
    dropout: float = 0.0

    def __post_init__(self) -> None:
        _check_types(self)
        object.__setattr__(self, "cross_layers", tuple(self.cross_layers))
        for name in ("d_model", "heads", "head_dim", "layers", "d_ffw"):
            _require(getattr(self, name) > 0, name, "must be positive")
        inside = all(1 <= layer <= self.layers for layer in self.cross_layers)
        _require(inside, "cross_layers", f"must lie in 1..{self.layers}")
        ascending = list(self.cross_layers) == sorted(set(self.cross_layers))
        _require(ascending, "cross_layers", "must ascend without repetition")
        _require(0 < self.rotary_fraction <= 1, "rotary_fraction", "must lie in (0, 1]")
        if "rope" in (self.position, self.cross_position):
            even = self.rotary_dim % 2 == 0 and self.rotary_dim > 0
            _require(even, "rotary_fraction", "must give an even number of head dimensions")
        _require(self.buckets >= 4 and self.buckets % 4 == 0, "buckets", "must be a multiple of 4")
        _require(self.max_distance > self.buckets // 4, "max_distance", "must exceed buckets / 4")
        _require(0 <= self.dropout < 1, "dropout", "must lie in [0, 1)")
        _check_choices(self)

    @property
    def width(self) -> int:
        """Inner width of attention, heads times head size; need not equal ``d_model``."""
        return self.heads * self.head_dim

    @property
    def rotary_dim(self) -> int:
        """Dimensions of a head that rotate."""
        return int(self.head_dim * self.rotary_fraction)

    @property
    def scale(self) -> float:
        """Factor on attention logits."""
        return self.head_dim**-0.5 if self.attention_scale else 1.0


@dataclass(frozen=True, kw_only=True)
class RetroConfig:
    """A complete RETRO model.

    ``chunk_length`` is the paper's m and ``neighbour_length`` its r (neighbour and continuation).
    With ``chunk_alignment="right"`` the *first* chunk is the short one (Megatron), otherwise the
    last. ``pad_id`` only fills; masks decide what counts as padding.
    """

    vocab_size: int
    decoder: StackConfig
    encoder: StackConfig
    chunk_length: int = 64
    neighbour_length: int = 128
    share_embeddings: bool = False
    tied_readout: bool = True
    score_head: bool = False
    chunk_alignment: ChunkAlignment = "left"
    pad_id: int = 0
    model_type: str = field(default="retro", init=False)

    def __post_init__(self) -> None:
        _check_types(self)
        _require(self.vocab_size > 0, "vocab_size", "must be positive")
        _require(self.chunk_length > 1, "chunk_length", "must be at least 2")
        _require(self.neighbour_length > 0, "neighbour_length", "must be positive")
        _require(0 <= self.pad_id < self.vocab_size, "pad_id", "must be a token of the vocabulary")
        _require(bool(self.decoder.cross_layers), "decoder.cross_layers", "must name a layer")
        if self.share_embeddings:
            same = self.decoder.d_model == self.encoder.d_model
            _require(same, "share_embeddings", "needs equal widths of decoder and encoder")
        _check_choices(self)

    @property
    def first_cross_layer(self) -> int:
        """The layer whose self-attention output conditions the encoder, min P."""
        return self.decoder.cross_layers[0]

    @property
    def conditioned(self) -> bool:
        """Whether neighbour encodings depend on the retrieving chunk."""
        return bool(self.encoder.cross_layers)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return plain

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], where: str = CONFIG_FILE) -> RetroConfig:
        """Inverse of `to_dict`.

        Raises:
            CheckpointError: unknown or missing key, or a value that does not fit.
        """
        values = dict(data)
        kind = values.pop("model_type", "retro")
        if kind != "retro":
            raise CheckpointError(
                f"model_type is {kind!r}", where=where, cure="expected a 'retro' checkpoint"
            )
        for stack in ("decoder", "encoder"):
            if stack in values:
                values[stack] = _build(StackConfig, values[stack], f"{where}: {stack}")
        config: RetroConfig = _build(cls, values, where)
        return config

    def save_pretrained(self, folder: Path | str) -> None:
        """Write ``config.json`` atomically."""
        path = Path(folder) / CONFIG_FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        work = path.with_suffix(".json.partial")
        work.write_text(json.dumps(self.to_dict(), indent=2) + "\n", encoding="utf-8")
        os.replace(work, path)

    @classmethod
    def from_pretrained(cls, folder: Path | str) -> RetroConfig:
        """Read ``config.json``; raises CheckpointError where it is absent or does not fit."""
        path = Path(folder) / CONFIG_FILE
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise CheckpointError("no config.json", where=str(folder)) from None
        except (OSError, ValueError, RecursionError) as error:
            raise CheckpointError(f"not JSON ({error})", where=str(path)) from None
        if not isinstance(data, dict):
            raise CheckpointError("not a JSON object", where=str(path))
        return cls.from_dict(data, where=str(path))


def _require(condition: bool, key: str, rule: str) -> None:
    if not condition:
        raise CheckpointError(f"{key} {rule}", where="RetroConfig")


def _check_types(config: StackConfig | RetroConfig) -> None:
    """Plain numbers and flags of the type that their field has; a float may be a whole number."""
    for name, hint in get_type_hints(type(config)).items():
        value = getattr(config, name)
        if hint in (int, bool):
            _require(type(value) is hint, name, f"is {value!r:.80}, expected {hint.__name__}")
        elif hint is float:
            finite = type(value) in (int, float) and math.isfinite(value)
            _require(finite, name, f"is {value!r:.80}, expected a finite number")


def _check_choices(config: StackConfig | RetroConfig) -> None:
    for name, hint in get_type_hints(type(config)).items():
        choices = get_args(hint) if "Literal" in str(hint) else ()
        value = getattr(config, name)
        if choices and not any(value == choice for choice in choices):
            allowed = ", ".join(map(str, choices))
            _require(False, name, f"is {value!r}, expected one of {allowed}")


def _build(cls: type[Any], data: object, where: str) -> Any:
    if not isinstance(data, Mapping):
        raise CheckpointError("expected a mapping", where=where)
    names = [f.name for f in dataclasses.fields(cls) if f.init]
    for key in data:
        if key not in names:
            similar = get_close_matches(str(key), names, n=1)
            cure = f"did you mean {similar[0]!r}?" if similar else f"known: {', '.join(names)}"
            raise CheckpointError(f"unknown key {key!r}", where=where, cure=cure)
    try:
        return cls(**data)
    except TypeError as error:
        raise CheckpointError(str(error).split("() ")[-1], where=where) from None
