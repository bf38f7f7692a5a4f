"""Load Hugging Face checkpoints; one with missing weights is refused, not filled at random.

transformers initialises missing weights at random and only logs a warning: a plain BERT then
"answers" or "ranks" with an untrained head. Here every missing tensor is an error.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from odqa.checkpoints.tokenizer_lock import one_call_at_a_time
from odqa.errors import CheckpointError
from odqa.threads import BUILDING_MODELS

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

AutoClass = Literal[
    "AutoModel",
    "AutoModelForQuestionAnswering",
    "AutoModelForSequenceClassification",
    "DPRContextEncoder",
    "DPRQuestionEncoder",
]

# No component that reads token vectors uses the pooler of an encoder.
_UNUSED = ("pooler.",)

# Models whose first position is the id of the padding token plus one.
_OFFSET_POSITIONS = ("roberta", "xlm-roberta", "camembert", "mpnet", "longformer")


def load_model(auto_class: AutoClass, folder: Path, name: str, **options: Any) -> Any:
    """A model in eval mode, fp32, on the CPU, with every weight taken from the checkpoint.

    Args:
        auto_class: the class of transformers to load it with.
        folder: the checkpoint.
        name: the user's name for it, for messages.
        options: further configuration keys.

    Raises:
        CheckpointError: not a checkpoint, or one without the head that ``auto_class`` needs.
    """
    import torch
    import transformers

    with _quiet():
        try:
            model, info = getattr(transformers, auto_class).from_pretrained(
                folder,
                trust_remote_code=False,
                output_loading_info=True,
                dtype=torch.float32,
                **options,
            )
        except Exception as error:  # transformers raises many kinds for a bad folder
            raise CheckpointError(
                f"not loadable as {auto_class} ({_first_line(error)})",
                where=name,
                cure="check that the checkpoint is of the right kind and complete",
            ) from error
    missing = sorted(
        key
        for key in info["missing_keys"]
        if not (auto_class == "AutoModel" and key.startswith(_UNUSED))
    )
    if missing or info["mismatched_keys"]:
        keys = missing or [str(key[0]) for key in info["mismatched_keys"]]
        raise CheckpointError(
            f"{len(keys)} weight(s) that {auto_class} needs are not in it, such as '{keys[0]}'",
            where=name,
            cure="name a checkpoint that was trained for this task",
        )
    return model.eval()


def load_tokenizer(folder: Path, name: str) -> Any:
    """The fast tokenizer of a checkpoint.

    Raises:
        CheckpointError: there is none, or only a slow one (which gives no character offsets).
    """
    from transformers import AutoTokenizer

    with _quiet():
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        except Exception as error:  # as above
            raise CheckpointError(
                f"no usable tokenizer ({_first_line(error)})",
                where=name,
                cure="fetch the checkpoint again",
            ) from error
    if not tokenizer.is_fast:
        raise CheckpointError(
            "only a slow tokenizer", where=name, cure="name a checkpoint with tokenizer.json"
        )
    # Readers pad windows long after they made them; advice against that helps no user.
    getattr(tokenizer, "deprecation_warnings", {})["Asking-to-pad-a-fast-tokenizer"] = True
    return one_call_at_a_time(tokenizer)


def position_limit(config: Any) -> int:
    """Tokens that a model takes: its position embeddings, less those that RoBERTa reserves."""
    limit = int(getattr(config, "max_position_embeddings", 512))
    offset = int(config.pad_token_id) + 1 if config.model_type in _OFFSET_POSITIONS else 0
    return limit - offset if limit > 0 else 512


def check_length(key: str, tokens: int, limit: int, name: str) -> None:
    """Refuse a parameter with more tokens than a model takes.

    Raises:
        CheckpointError: names the parameter ``key``.
    """
    if tokens > limit:
        raise CheckpointError(
            f"takes {limit} tokens, {key} is {tokens}",
            where=name,
            cure=f"set {key} to {limit} or less",
        )


def parameter_count(model: Module) -> int:
    """Numbers in all weights; weights shared by several layers count once."""
    return sum(p.numel() for p in model.parameters())


def read_tensor(folder: Path, key: str) -> Tensor | None:
    """One tensor of a checkpoint's weight files, or None when it is not in them.

    Reads safetensors, in one file or sharded, and ``pytorch_model.bin`` (tensors only, no code).

    Raises:
        CheckpointError: there are no weight files, or they are damaged.
    """
    path = _weight_file(folder, key)
    if path is None:
        return None
    try:
        if path.suffix == ".safetensors":
            from safetensors import safe_open

            with safe_open(path, framework="pt") as weights:
                return weights.get_tensor(key) if key in weights.keys() else None  # noqa: SIM118
        import torch

        tensor = torch.load(path, map_location="cpu", weights_only=True).get(key)
    except Exception as error:  # safetensors and torch raise kinds of their own
        raise CheckpointError(
            f"weights not readable ({_first_line(error)})",
            where=str(path),
            cure="fetch the checkpoint again",
        ) from error
    return tensor if isinstance(tensor, torch.Tensor) else None


def _weight_file(folder: Path, key: str) -> Path | None:
    for stem in ("model.safetensors", "pytorch_model.bin"):
        if (folder / stem).is_file():
            return folder / stem
        index = folder / f"{stem}.index.json"
        if index.is_file():
            shard = json.loads(index.read_text(encoding="utf-8"))["weight_map"].get(key)
            return folder / shard if shard else None
    raise CheckpointError(
        "neither model.safetensors nor pytorch_model.bin",
        where=str(folder),
        cure="name a folder with weights",
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Stop transformers from logging what is raised as an error here, and 5 from drawing bars.

    One thread at a time, for these are settings of the process.
    """
    from transformers.utils import logging

    with BUILDING_MODELS:
        before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
        logging.set_verbosity(logging.CRITICAL)
        logging.disable_progress_bar()
        try:
            yield
        finally:
            logging.set_verbosity(before)
            if bars:
                logging.enable_progress_bar()


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".")[:200] if lines else type(error).__name__
