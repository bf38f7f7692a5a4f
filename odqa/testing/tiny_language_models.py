"""Tiny causal language models with random weights, as transformers saves them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from odqa.testing.tiny_checkpoints import WORDS
from odqa.testing.tiny_generators import trained_bpe

#: A template with markers of its own, as chat models have.
CHAT_TEMPLATE = (
    "{% for m in messages %}<{{ m['role'] }}> {{ m['content'] }} </s> {% endfor %}"
    "{% if add_generation_prompt %}<assistant> {% endif %}"
)


def tiny_lm(
    folder: Path,
    kind: str = "GPT2",
    *,
    seed: int = 0,
    spread: float = 0.3,
    context: int = 512,
    chat_template: str | None = None,
    **config: Any,
) -> Path:
    """A model of 2 layers and width 32.

    Args:
        folder: written here.
        kind: ``GPT2`` (positions are embedded) or ``Llama`` (rotated).
        seed: of the random weights.
        spread: their standard deviation.
        context: tokens that it takes.
        chat_template: of its tokenizer.
        config: further keys of its configuration.
    """
    import torch
    import transformers

    tokenizer = _tokenizer(chat_template)
    names = {"vocab_size": len(tokenizer), "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    spread_ = {"initializer_range": spread}
    sizes: dict[str, Any]
    if kind == "GPT2":
        sizes = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": context}
    else:
        sizes = {
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "intermediate_size": 48,
            "max_position_embeddings": context,
        }
    settings = getattr(transformers, f"{kind}Config")(**names | spread_ | sizes | config)
    classes = {"GPT2": "GPT2LMHeadModel", "Llama": "LlamaForCausalLM"}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = getattr(transformers, classes[kind])(settings)
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer(chat_template: str | None) -> Any:
    from transformers import PreTrainedTokenizerFast

    texts = [f"{WORDS} Question: Answer: Yes No [1] [2]"] * 3
    tokenizer = trained_bpe(400, ["<pad>", "<s>", "</s>"], texts)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )
    fast.chat_template = chat_template
    return fast
