"""Small models trained whole: their tokenizer, and their checkpoint in float16 with its card."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from odqa.checkpoints.whole import CONFIG, WEIGHTS

END, PAD = "<|endoftext|>", "<|pad|>"


def train_byte_tokenizer(texts: Iterable[str], size: int, *, of_encoder: bool = False) -> Any:
    """Byte-level BPE (Radford et al. 2019) as a tokenizer of transformers: end 0, padding 1.

    Args:
        texts: what it is learnt from.
        size: tokens at most.
        of_encoder: end every text with the end token and begin it with a space, as T5's does: a
            word then has the same tokens wherever it stands.
    """
    from tokenizers import ByteLevelBPETokenizer
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    tokenizer = ByteLevelBPETokenizer(add_prefix_space=of_encoder)
    tokenizer.train_from_iterator(
        texts, vocab_size=size, min_frequency=2, show_progress=False, special_tokens=[END, PAD]
    )
    if of_encoder:
        tokenizer._tokenizer.post_processor = TemplateProcessing(
            single=f"$A {END}", pair=f"$A {END} $B {END}", special_tokens=[(END, 0)]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer._tokenizer, bos_token=END, eos_token=END, pad_token=PAD
    )


def write_whole_model(folder: Path, model: Any, tokenizer: Any) -> None:
    """Write a model of transformers and its tokenizer: an ordinary checkpoint, in float16.

    The model itself stays as it is.
    """
    import torch
    from safetensors.torch import load_file, save_file

    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder, safe_serialization=True)
    halves = {name: w.to(torch.float16) for name, w in sorted(load_file(folder / WEIGHTS).items())}
    save_file(halves, folder / WEIGHTS, {"format": "pt"})
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    for key in ("dtype", "torch_dtype"):
        if key in config:
            config[key] = "float16"
    text = json.dumps(config, indent=2, sort_keys=True) + "\n"
    (folder / CONFIG).write_text(text, encoding="utf-8")
