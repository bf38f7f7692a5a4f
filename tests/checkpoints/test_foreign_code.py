"""No code of a checkpoint is ever run, whatever its files ask for."""

from __future__ import annotations

import json
import pickle
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

import odqa
from odqa.checkpoints.load import load_model, load_tokenizer
from odqa.checkpoints.resolve import resolve_checkpoint
from odqa.checkpoints.weights import read_tensor
from odqa.errors import CheckpointError
from odqa.testing.tiny_checkpoints import tiny_bert

EVIL = "from pathlib import Path\nPath({!r}).write_text('ran')\n"


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """A file that exists once foreign code has run."""
    return tmp_path / "ran"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "checkpoint"
    tiny_bert(folder)
    return folder


def change(path: Path, **changes: object) -> None:
    values: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(values | changes))


@pytest.mark.parametrize("key", ["_attn_implementation_internal", "_attn_implementation"])
@pytest.mark.parametrize("nested", [False, True])
def test_an_attention_from_the_hub_is_refused(checkpoint: Path, key: str, nested: bool) -> None:
    value: object = {"text_config": {key: "evil/kernel"}} if nested else {key: "evil/kernel:main"}
    assert isinstance(value, dict)
    change(checkpoint / "config.json", **value)
    for load in (lambda: load_model("AutoModel", checkpoint, "mine"), tokenizer(checkpoint)):
        with pytest.raises(CheckpointError, match=f"mine: config.json asks for code .*{key}"):
            load()


def tokenizer(folder: Path) -> Any:
    return lambda: load_tokenizer(folder, "mine")


def test_a_configuration_that_trusts_itself_is_refused(checkpoint: Path, ran: Path) -> None:
    """CVE-2026-5241: LightGlue takes the permission from the file, for a nested configuration."""
    evil = checkpoint.parent / "evil"
    evil.mkdir()
    (evil / "evil.py").write_text(EVIL.format(str(ran)))
    change(evil / "config.json", model_type="evil", auto_map={"AutoConfig": "evil.Evil"})
    detector = {"model_type": "evil", "_name_or_path": str(evil)}
    detector |= {"auto_map": {"AutoConfig": "evil.Evil"}}  # type: ignore[dict-item]
    change(
        checkpoint / "config.json",
        model_type="lightglue",
        trust_remote_code=True,
        keypoint_detector_config=detector,
    )
    # The tokenizer's class is found through the configuration too.
    change(checkpoint / "tokenizer_config.json", tokenizer_class=None)
    for load in (lambda: load_model("AutoModel", checkpoint, "mine"), tokenizer(checkpoint)):
        with pytest.raises(CheckpointError, match=r"asks for code .*trust_remote_code"):
            load()
    assert not ran.exists()


@pytest.mark.parametrize("model_type", ["bert", "evil"])
def test_classes_of_its_own_are_not_imported(checkpoint: Path, ran: Path, model_type: str) -> None:
    for name in ("modeling_evil", "configuration_evil", "tokenization_evil"):
        (checkpoint / f"{name}.py").write_text(EVIL.format(str(ran)))
    classes = {"AutoConfig": "configuration_evil.C", "AutoModel": "modeling_evil.M"}
    change(checkpoint / "config.json", model_type=model_type, auto_map=classes)
    own_tokenizer = {"AutoTokenizer": ["tokenization_evil.T", "tokenization_evil.T"]}
    change(checkpoint / "tokenizer_config.json", auto_map=own_tokenizer)
    for load in (lambda: load_model("AutoModel", checkpoint, "mine"), tokenizer(checkpoint)):
        try:
            load()
        except CheckpointError as error:
            assert len(str(error).splitlines()) == 1
    assert not ran.exists()


class Bomb:
    """Runs code where a pickle of it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.write_text, (self.path, "ran")


@pytest.mark.parametrize("how", ["torch", "plain", "zip"])
def test_a_pickle_among_the_weights_is_not_run(checkpoint: Path, ran: Path, how: str) -> None:
    (checkpoint / "model.safetensors").unlink()
    weights = checkpoint / "pytorch_model.bin"
    if how == "torch":
        torch.save({"embeddings.word_embeddings.weight": Bomb(ran)}, weights)
    elif how == "plain":
        weights.write_bytes(pickle.dumps(Bomb(ran)))
    else:
        with zipfile.ZipFile(weights, "w") as archive:
            archive.writestr("archive/data.pkl", pickle.dumps(Bomb(ran)))
            archive.writestr("../../outside", "x")
    resolve_checkpoint(str(checkpoint))
    with pytest.raises(CheckpointError, match="not loadable as AutoModel"):
        load_model("AutoModel", checkpoint, "mine")
    with pytest.raises(CheckpointError, match="weights not readable"):
        read_tensor(checkpoint, "embeddings.word_embeddings.weight")
    assert not ran.exists() and not (checkpoint.parent.parent / "outside").exists()


def test_the_pickle_of_these_tests_does_run(ran: Path) -> None:
    pickle.loads(pickle.dumps(Bomb(ran)))
    assert ran.exists()


def test_only_our_own_tokenizers_and_models_are_saved() -> None:
    """CVE-2026-9856: names in a foreign tokenizer become paths where transformers saves it."""
    root = Path(odqa.__file__).parent
    saving = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if ".save_pretrained(" in path.read_text(encoding="utf-8")
    }
    own = {path for path in saving if path.startswith(("retro/", "testing/"))}
    # A byte tokenizer and RETRO models, whose classes are ours; models that grow from the base
    # model, and its tokenizer.
    assert saving - own == {
        "checkpoints/causal.py",
        "checkpoints/grown.py",
        "training/tasks/retro_lm.py",
    }


def test_no_module_of_a_checkpoint_was_imported() -> None:
    assert not [name for name in sys.modules if name.startswith("transformers_modules.evil")]
