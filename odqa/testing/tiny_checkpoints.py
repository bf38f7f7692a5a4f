"""Tiny checkpoints with random weights, in the formats of their home libraries.

For tests of components, of odqa or of third parties: they load in milliseconds and need no
network. They are not trained, so their output means nothing.
"""

from __future__ import annotations

import json
import string
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SPECIAL = ("[PAD]", "[unused0]", "[unused1]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PYLATE_MARKERS = ("[Q] ", "[D] ")
WORDS = (
    "who what when where which wrote built river city king in of the a is was flows through by "
    "opened bridge tower engine poem first last north south century year born died old new"
)


def tiny_tokenizer(folder: Path, words: Sequence[str] = ()) -> Any:
    """A BERT word-piece tokenizer with a few whole words; any other is split into letters."""
    from transformers import BertTokenizerFast

    letters = [*string.ascii_lowercase, *string.digits]
    pieces = [*SPECIAL, *string.punctuation, *letters, *(f"##{c}" for c in letters)]
    vocabulary = list(dict.fromkeys([*pieces, *WORDS.split(), *words]))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    tokenizer = BertTokenizerFast(str(folder / "vocab.txt"), do_lower_case=True)
    tokenizer.save_pretrained(folder)
    return tokenizer


def tiny_bert(
    folder: Path, head: str = "BertModel", *, seed: int = 0, spread: float = 0.3, **config: Any
) -> Path:
    """A BERT of 2 layers and width 32 with the given head class of transformers.

    Args:
        folder: written here.
        head: a class of transformers, such as ``BertForQuestionAnswering``.
        seed: of the random weights.
        spread: their standard deviation; the usual 0.02 would make all outputs alike.
        config: further keys of `transformers.BertConfig`.
    """
    import torch
    import transformers

    tokenizer = tiny_tokenizer(folder)
    settings: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 512,
        "initializer_range": spread,
    }
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = getattr(transformers, head)(transformers.BertConfig(**settings | config))
    model.save_pretrained(folder, safe_serialization=True)
    return folder


def tiny_dpr_reader(folder: Path, *, seed: int = 0, spread: float = 0.3) -> Path:
    """A reader in the layout of facebook/dpr-reader-*, of 2 layers and width 32."""
    import torch
    from transformers import DPRConfig, DPRReader

    tokenizer = tiny_tokenizer(folder)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        config = DPRConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            initializer_range=spread,
        )
        model = DPRReader(config)
    model.save_pretrained(folder, safe_serialization=True)
    return folder


def tiny_colbert(
    folder: Path, *, dim: int = 16, seed: int = 0, metadata: Mapping[str, object] | None = None
) -> Path:
    """A checkpoint in colbert-ai's format: BERT, ``linear.weight`` and ``artifact.metadata``."""
    import torch
    from safetensors.torch import load_file, save_file

    tiny_bert(folder, seed=seed)
    path = folder / "model.safetensors"
    weights = {f"bert.{name}": tensor for name, tensor in load_file(path).items()}
    generator = torch.Generator().manual_seed(seed + 1)
    weights["linear.weight"] = torch.randn(dim, 32, generator=generator) * 0.3
    save_file(weights, path, metadata={"format": "pt"})
    settings = {"query_maxlen": 16, "doc_maxlen": 48, "dim": dim} | dict(metadata or {})
    (folder / "artifact.metadata").write_text(json.dumps(settings), encoding="utf-8")
    return folder


def tiny_pylate(
    folder: Path,
    *,
    widths: Sequence[int] = (16,),
    seed: int = 0,
    dense: Mapping[str, object] | None = None,
    **settings: Any,
) -> Path:
    """A checkpoint in PyLate's format: BERT and ``Dense`` modules, with markers as tokens.

    Args:
        folder: written here.
        widths: what each ``Dense`` makes, in order.
        seed: of the random weights.
        dense: further settings of every ``Dense``.
        settings: keys of ``config_sentence_transformers.json``.
    """
    import torch
    from safetensors.torch import save_file
    from tokenizers import AddedToken

    size = len(tiny_tokenizer(folder)) + len(PYLATE_MARKERS)
    tiny_bert(folder, seed=seed, vocab_size=size)
    tokenizer = tiny_tokenizer(folder)
    # transformers 5 would write them in lower case, as it reads texts here.
    tokenizer.add_tokens([AddedToken(marker, normalized=False) for marker in PYLATE_MARKERS])
    tokenizer.save_pretrained(folder)
    modules = [("", "sentence_transformers.models.Transformer")]
    generator, n_in = torch.Generator().manual_seed(seed + 1), 32
    for number, n_out in enumerate(widths, start=1):
        place = folder / f"{number}_Dense"
        place.mkdir()
        modules.append((place.name, "pylate.models.Dense.Dense"))
        options = {"bias": False, "activation_function": "torch.nn.modules.linear.Identity"}
        options |= dict(dense or {})
        weights = {"linear.weight": torch.randn(n_out, n_in, generator=generator) * 0.3}
        if options["bias"]:
            weights["linear.bias"] = torch.randn(n_out, generator=generator)
        if options.get("use_residual") and n_in != n_out:
            weights["residual.weight"] = torch.randn(n_out, n_in, generator=generator) * 0.3
        save_file(weights, place / "model.safetensors", metadata={"format": "pt"})
        _write(place / "config.json", {"in_features": n_in, "out_features": n_out, **options})
        n_in = n_out
    _write(
        folder / "modules.json",
        [
            {"idx": i, "name": str(i), "path": path, "type": kind}
            for i, (path, kind) in enumerate(modules)
        ],
    )
    lengths = {"query_length": 16, "document_length": 48}
    _write(folder / "config_sentence_transformers.json", {**lengths, **settings})
    return folder


def _write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")
