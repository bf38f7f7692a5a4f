"""Tiny checkpoints of word models with random word vectors, for tests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odqa.testing.tiny_checkpoints import tiny_tokenizer

if TYPE_CHECKING:
    from torch import Tensor


def tiny_word_vectors(folder: Path, dim: int = 8, seed: int = 0) -> Tensor:
    """A tokenizer in ``folder``, and a random vector for each of its tokens: [tokens, dim]."""
    import torch

    tokenizer = tiny_tokenizer(folder)
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(len(tokenizer), dim, generator=generator)


def write_word_model(
    folder: Path, settings: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> Path:
    """Write ``config.json`` and ``model.safetensors``."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    save_file(dict(tensors), folder / "model.safetensors")
    return folder


def tiny_knrm(folder: Path, **settings: Any) -> Path:
    """A KNRM whose kernels count in favour of a passage the more similar they are."""
    import torch

    from odqa.word_models.knrm import KnrmSettings

    table = tiny_word_vectors(folder)
    read = KnrmSettings(**settings)
    weights = torch.tensor([[mean for mean, _ in read.kernels]])
    tensors = {
        "word_vectors": table,
        "linear.weight": weights * 0.1,
        "linear.bias": torch.tensor([0.05]),
    }
    return write_word_model(folder, read.to_dict(), tensors)


def tiny_drmm(folder: Path, **settings: Any) -> Path:
    """A DRMM whose words count the more, the more passage words are like them."""
    import torch

    from odqa.word_models.drmm import Drmm, DrmmSettings

    table = tiny_word_vectors(folder)
    read = DrmmSettings(**settings)
    torch.manual_seed(4)
    layers = {key: w.detach() for key, w in Drmm(read).state_dict().items()}
    idf = torch.linspace(1.0, 3.0, len(table))
    return write_word_model(folder, read.to_dict(), {**layers, "word_vectors": table, "idf": idf})


def tiny_snrm(folder: Path, **settings: Any) -> Path:
    """An SNRM with random weights, about half of whose latent terms are 0 for a word."""
    import torch

    from odqa.word_models.snrm import Snrm, SnrmSettings

    table = tiny_word_vectors(folder)
    read = SnrmSettings(**{"window": 3, "hidden": (6,), "terms": 20, **settings})
    torch.manual_seed(6)
    layers = {
        key: torch.randn(w.shape) for key, w in Snrm(read, table.shape[1]).state_dict().items()
    }
    return write_word_model(folder, read.to_dict(), {**layers, "word_vectors": table})


def tiny_dssm(folder: Path, texts: Sequence[str], **settings: Any) -> Path:
    """A DSSM with random weights over the letter trigrams of some texts."""
    import torch

    from odqa.checkpoints.word_models import TRIGRAMS
    from odqa.word_models.dssm import Dssm, DssmSettings
    from odqa.word_models.trigrams import frequent_trigrams

    read = DssmSettings(**{"layers": (12, 10, 6), **settings})
    known = [trigram for trigram, _ in frequent_trigrams(texts, 1)]
    torch.manual_seed(5)
    layers = {key: torch.randn(w.shape) for key, w in Dssm(read, len(known)).state_dict().items()}
    write_word_model(folder, read.to_dict(), layers)
    (folder / TRIGRAMS).write_text("\n".join(known) + "\n", encoding="utf-8")
    return folder
