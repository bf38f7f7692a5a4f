"""Load Hugging Face checkpoints; one with missing weights is refused, not filled at random.

transformers initialises missing weights at random and only logs a warning: a plain BERT then
"answers" or "ranks" with an untrained head. Here every missing tensor is an error.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from odqa.checkpoints.folder import weight_map
from odqa.checkpoints.foreign_code import refuse_foreign_code
from odqa.checkpoints.settings_file import SettingsFile
from odqa.checkpoints.tokenizer_lock import one_call_at_a_time
from odqa.checkpoints.weights import first_line
from odqa.errors import CheckpointError
from odqa.threads import BUILDING_MODELS

if TYPE_CHECKING:
    from torch.nn import Module

AutoClass = Literal[
    "AutoModel",
    "AutoModelForCausalLM",
    "AutoModelForQuestionAnswering",
    "AutoModelForSeq2SeqLM",
    "AutoModelForSequenceClassification",
    "DPRContextEncoder",
    "DPRQuestionEncoder",
    "DPRReader",
]

# What the components read of a model's output.
_OUTPUTS: dict[AutoClass, tuple[str, ...]] = {
    "AutoModel": ("last_hidden_state",),
    "AutoModelForCausalLM": ("logits",),
    "AutoModelForQuestionAnswering": ("start_logits", "end_logits"),
    "AutoModelForSeq2SeqLM": ("logits",),
    "AutoModelForSequenceClassification": ("logits",),
    "DPRContextEncoder": ("pooler_output",),
    "DPRQuestionEncoder": ("pooler_output",),
    "DPRReader": ("start_logits", "end_logits", "relevance_logits"),
}

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
        CheckpointError: not a checkpoint, one without the head that ``auto_class`` needs, one
            whose architecture is code of its own, one that asks for code, or one that does not run.
    """
    import torch
    import transformers

    refuse_foreign_code(folder, name)
    weight_map(folder / "model.safetensors.index.json")
    weight_map(folder / "pytorch_model.bin.index.json")
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
                f"not loadable as {auto_class} ({first_line(error)})",
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
        own_code = _own_code(folder)
        raise CheckpointError(
            f"{len(keys)} weight(s) that {auto_class} needs are not in it, such as '{keys[0]}'"
            + (f"; its architecture is code of its own ({own_code})" if own_code else ""),
            where=name,
            cure="odqa runs no code of checkpoints: name one of a model that transformers knows"
            if own_code
            else "name a checkpoint that was trained for this task",
        )
    model.eval()
    _check_that_it_runs(model, auto_class, name)
    return model


def _own_code(folder: Path) -> str:
    """The module of the checkpoint that its configuration names; empty where there is none."""
    auto_map = SettingsFile.read(folder / "config.json").values.get("auto_map")
    named = auto_map.get("AutoModel") if isinstance(auto_map, dict) else auto_map
    return str(named)[:80] if named else ""


def _check_that_it_runs(model: Any, auto_class: AutoClass, name: str) -> None:
    """A few values of a configuration are used only now, such as the epsilon of a norm."""
    import torch

    ids = torch.zeros((2, 8), dtype=torch.long)
    end = getattr(model.config, "eos_token_id", None)
    if type(end) is int and 0 <= end < int(model.config.vocab_size):
        # Classifiers of T5 and BART read the state of the end token.
        ids[:, -1] = end
    try:
        with torch.inference_mode():
            inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
            if auto_class == "AutoModelForSeq2SeqLM":
                inputs["decoder_input_ids"] = ids[:, :2]
            output = model(**inputs, return_dict=True)
        for key in _OUTPUTS[auto_class]:
            output[key]
    except Exception as error:  # whatever a wrong value leads to
        raise CheckpointError(
            f"does not run as {auto_class} ({first_line(error)})",
            where=name,
            cure="check its config.json, or name another checkpoint",
        ) from error


def load_tokenizer(folder: Path, name: str, *, lower_case: bool = False) -> Any:
    """The fast tokenizer of a checkpoint.

    Args:
        folder: the checkpoint.
        name: the user's name for it, for messages.
        lower_case: make texts lower case first, as sentence-transformers' ``do_lower_case`` does.

    Raises:
        CheckpointError: there is none, or only a slow one (which gives no character offsets).
    """
    from transformers import AutoTokenizer

    refuse_foreign_code(folder, name)
    with _quiet():
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
            is_fast = tokenizer.is_fast
            tokenizer("a", "b")
        except Exception as error:  # as above
            raise CheckpointError(
                f"no usable tokenizer ({first_line(error)})",
                where=name,
                cure="fetch the checkpoint again",
            ) from error
    if not is_fast:
        raise CheckpointError(
            "only a slow tokenizer", where=name, cure="name a checkpoint with tokenizer.json"
        )
    if lower_case:
        _lower_case(tokenizer)
    # Readers pad windows long after they made them; advice against that helps no user.
    getattr(tokenizer, "deprecation_warnings", {})["Asking-to-pad-a-fast-tokenizer"] = True
    return one_call_at_a_time(tokenizer)


def _lower_case(tokenizer: Any) -> None:
    from tokenizers.normalizers import Lowercase, Sequence

    normalizer = tokenizer.backend_tokenizer.normalizer
    others = [] if normalizer is None else [normalizer]
    tokenizer.backend_tokenizer.normalizer = Sequence([Lowercase(), *others])


def tokenizer_limit(tokenizer: Any, name: str) -> int | None:
    """``model_max_length`` of a tokenizer; `None` where it has no limit.

    Raises:
        CheckpointError: it is no length.
    """
    limit = tokenizer.model_max_length
    if type(limit) not in (int, float) or not limit >= 3:
        raise CheckpointError(
            f"model_max_length is {limit!r}, expected a number of tokens",
            where=name,
            cure="correct its tokenizer_config.json",
        )
    # transformers writes 10**30 where there is no limit.
    return int(limit) if math.isfinite(limit) and limit < UNLIMITED else None


#: The limit of a model without position embeddings.
UNLIMITED = 1_000_000


def position_limit(config: Any) -> int:
    """Tokens that a model takes: its position embeddings, less those that RoBERTa reserves.

    `UNLIMITED` for relative positions without a maximum, as XLNet's.
    """
    limit = getattr(config, "max_position_embeddings", None)
    if type(limit) is not int or limit <= 0:
        return UNLIMITED
    if config.model_type not in _OFFSET_POSITIONS:
        return limit
    pad = config.pad_token_id
    # MPNet's is 1 whatever its configuration says.
    first = pad + 1 if type(pad) is int and config.model_type != "mpnet" else 2
    return max(1, limit - first)


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
