"""The base model's tokenizer and weights, for tasks that start from it."""

from __future__ import annotations

from typing import Any

import torch

from odqa.checkpoints.base_model import base_model_dir


def base_tokenizer() -> Any:
    """The base model's fast tokenizer."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(base_model_dir(), trust_remote_code=False)


def base_encoder(auto_class: str = "AutoModel", dropout: float = 0.1, **options: Any) -> Any:
    """The base model in float32 under a class of transformers; new heads are random.

    Args:
        auto_class: the class.
        dropout: of states and of attention, while training.
        options: further configuration keys.
    """
    import transformers
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        return getattr(transformers, auto_class).from_pretrained(
            base_model_dir(),
            dtype=torch.float32,
            attn_implementation="sdpa",
            hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=dropout,
            **options,
        )
    finally:
        logging.set_verbosity(verbosity)
