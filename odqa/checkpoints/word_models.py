"""Checkpoint folders of word models: KNRM, DRMM, DSSM and SNRM.

Their ``delta.safetensors`` has no low-rank change of layers: its tensors are whole. Word vectors
are the base model's word-piece table through a matrix, ``W e + b``, multiplied out here, so that
the folder stands by itself.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from odqa.checkpoints.delta import Delta
from odqa.checkpoints.weights import read_tensor
from odqa.errors import CheckpointError

KINDS = ("knrm", "drmm", "dssm", "snrm")
#: The words (letter trigrams, one a line) that a DSSM knows.
TRIGRAMS = "trigrams.txt"

BASE_TABLE = "embeddings.word_embeddings.weight"
_MATRIX, _OFFSET, _VECTORS = "projection.weight", "projection.bias", "word_vectors"
_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")


def build_word_model(base: Path, delta: Delta, folder: Path) -> None:
    """Write the checkpoint folder of a word model.

    Args:
        base: folder of the base model, whose word vectors and tokenizer are taken.
        delta: ``config["settings"]`` becomes ``config.json``; ``config["trigrams"]``, if any, one
            after the other in a single text, the file of trigrams.
        folder: an existing folder.

    Raises:
        CheckpointError: the matrix does not fit the base model's table.
    """
    from safetensors.torch import save_file

    tensors = {name: tensor.float() for name, tensor in delta.tensors.items()}
    if _MATRIX in tensors:
        table = read_tensor(base, BASE_TABLE)
        matrix, offset = tensors.pop(_MATRIX), tensors.pop(_OFFSET)
        if table is None or matrix.ndim != 2 or table.shape[1] != matrix.shape[1]:
            raise CheckpointError(
                f"the matrix of word vectors is {list(matrix.shape)}",
                cure="train it again, or reinstall odqa",
            )
        tensors[_VECTORS] = table.float() @ matrix.T + offset
        for name in _TOKENIZER:
            shutil.copyfile(base / name, folder / name)
    if (trigrams := delta.config.get("trigrams")) is not None:
        lines = [trigrams[i : i + 3] for i in range(0, len(trigrams), 3)]
        (folder / TRIGRAMS).write_text("\n".join(lines) + "\n", encoding="utf-8")
    save_file(
        {name: tensors[name].contiguous() for name in sorted(tensors)},
        folder / "model.safetensors",
        {"format": "pt"},
    )
    settings = json.dumps(delta.config["settings"], indent=2, sort_keys=True, ensure_ascii=False)
    (folder / "config.json").write_text(settings + "\n", encoding="utf-8")
