"""A causal language model grown from the base model: BERT's layers that look to the left alone.

It is transformers' ``BertLMHeadModel`` with ``is_decoder``, read out by the word embeddings. The
transform between the last layer and the read-out, which the base model has lost, starts as near to
the identity as its GELU lets it. [CLS] begins a text, [SEP] ends it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from odqa.checkpoints.delta import Delta
from odqa.checkpoints.grown import write_grown

_START, _END, _PAD = "[CLS]", "[SEP]", "[PAD]"
# From here on GELU is the identity but for some hundredths, for states of the base model's spread;
# the norm behind it takes the offset away.
_OFFSET = 3.0
# Positions of the base model, for the tokenizer.
_LENGTH = 512


def grow_causal(base: Path, attention: str = "sdpa") -> Any:
    """The untrained model, float32; the base determines every weight.

    Args:
        base: folder of the base model.
        attention: transformers' name of the implementation; ``eager`` gives attention weights.
    """
    import torch
    from transformers import BertConfig, BertLMHeadModel
    from transformers.utils import logging

    config = BertConfig.from_pretrained(base)
    config.is_decoder = True
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
    config.tie_word_embeddings = True
    config.bos_token_id, config.eos_token_id = 101, 102
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        model = BertLMHeadModel.from_pretrained(
            base, config=config, dtype=torch.float32, attn_implementation=attention
        )
    finally:
        logging.set_verbosity(verbosity)
    transform = model.cls.predictions.transform
    with torch.no_grad():
        torch.nn.init.eye_(transform.dense.weight)
        transform.dense.bias.fill_(_OFFSET)
        transform.LayerNorm.reset_parameters()
        model.cls.predictions.bias.zero_()
    return model.eval()


def prompt_tokenizer(base: Path) -> Any:
    """The base model's tokenizer, whose texts begin and do not end: they are to be continued."""
    from tokenizers.processors import TemplateProcessing
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    words = AutoTokenizer.from_pretrained(base, trust_remote_code=False)
    start = words.convert_tokens_to_ids(_START)
    backend = words.backend_tokenizer
    backend.post_processor = TemplateProcessing(
        single=f"{_START} $A", pair=f"{_START} $A $B", special_tokens=[(_START, start)]
    )
    backend.no_truncation()
    backend.no_padding()
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token=_START,
        eos_token=_END,
        pad_token=_PAD,
        unk_token=words.unk_token,
        model_max_length=_LENGTH,
        clean_up_tokenization_spaces=False,
    )


def build_causal(base: Path, delta: Delta, folder: Path) -> None:
    """Write the checkpoint folder of a grown and trained model, in transformers' format.

    Args:
        base: folder of the base model.
        delta: its ``config`` has ``lora`` (r, alpha).
        folder: an existing folder.

    Raises:
        CheckpointError: the change does not fit the grown model.
    """
    write_grown(grow_causal(base), base, delta, folder)
    prompt_tokenizer(base).save_pretrained(folder)
