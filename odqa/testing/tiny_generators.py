"""Tiny generating checkpoints with random weights, for tests: causal and encoder-decoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from odqa.testing.tiny_checkpoints import WORDS

#: Markers that each family's tokenizers put around one text, and around two.
_TEMPLATES = {
    "t5": ("$A </s>", "$A </s> $B </s>"),
    "bart": ("<s> $A </s>", "<s> $A </s> </s> $B </s>"),
}
_SIZES: dict[str, dict[str, Any]] = {
    "t5": {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2},
    "bart": {
        "d_model": 32,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 2,
        "encoder_ffn_dim": 64,
        "decoder_ffn_dim": 64,
        "max_position_embeddings": 256,
    },
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 256},
    "llama": {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "max_position_embeddings": 256,
    },
}
_CLASSES = {
    "t5": ("T5Config", "T5ForConditionalGeneration"),
    "bart": ("BartConfig", "BartForConditionalGeneration"),
    "gpt2": ("GPT2Config", "GPT2LMHeadModel"),
    "llama": ("LlamaConfig", "LlamaForCausalLM"),
}


def trained_bpe(vocabulary: int, special: list[str], texts: list[str]) -> Any:
    """A byte-level BPE tokenizer of tokenizers: any text has tokens and comes back from them."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=special,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def byte_tokenizer(family: str, vocabulary: int = 320) -> Any:
    """A byte-level BPE tokenizer learnt on a few words, with the markers of a family.

    ``<s>`` 0, ``<pad>`` 1, ``</s>`` 2; T5 pads with 0 and begins decoding with it. Those of causal
    models have no padding token, as GPT-2's.
    """
    from tokenizers import processors
    from transformers import PreTrainedTokenizerFast

    special = ["<pad>", "<s>", "</s>"] if family == "t5" else ["<s>", "<pad>", "</s>"]
    texts = [WORDS, "true false relevant question passage"]
    tokenizer = trained_bpe(vocabulary, special, texts)
    names = {"eos_token": "</s>"}
    if family in _TEMPLATES:
        single, pair = _TEMPLATES[family]
        markers = [(name, tokenizer.token_to_id(name)) for name in special]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=single, pair=pair, special_tokens=markers
        )
        names["pad_token"] = "<pad>"
    if family == "bart":
        names["bos_token"] = "<s>"
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)


def tiny_generator(
    folder: Path,
    family: Literal["t5", "bart", "gpt2", "llama"],
    *,
    seed: int = 0,
    spread: float = 0.3,
    **config: Any,
) -> Path:
    """A checkpoint of 2 layers and width 32 that generates text without meaning.

    Args:
        folder: written here.
        family: architecture.
        seed: of the random weights.
        spread: their standard deviation (a factor of T5's own initialisation).
        config: further keys of the configuration.
    """
    import torch
    import transformers

    tokenizer = byte_tokenizer(family)
    pad = tokenizer.pad_token_id
    settings = {
        **_SIZES[family],
        "vocab_size": len(tokenizer),
        "bos_token_id": None if family == "t5" else 0,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": pad,
    }
    settings["initializer_factor" if family == "t5" else "initializer_range"] = spread
    if family == "t5":
        settings["decoder_start_token_id"] = pad
    if family == "bart":
        settings |= {"decoder_start_token_id": 2, "forced_eos_token_id": None, "init_std": spread}
        del settings["initializer_range"]
    names = _CLASSES[family]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        shape = getattr(transformers, names[0])(**settings | config)
        model = getattr(transformers, names[1])(shape)
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)
    return folder
