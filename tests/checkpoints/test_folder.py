"""Paths that the files of a checkpoint name stay in its folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from odqa.checkpoints.folder import check_complete, inside, weight_map
from odqa.checkpoints.load import load_model
from odqa.checkpoints.resolve import resolve_checkpoint
from odqa.errors import CheckpointError
from odqa.testing.tiny_checkpoints import tiny_bert


def sharded(folder: Path, name: str) -> Path:
    """A checkpoint whose weights lie in a file that its index calls ``name``."""
    tiny_bert(folder)
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    save_file(weights, folder.parent / "elsewhere.safetensors", {"format": "pt"})
    save_file(weights, folder / "shard.safetensors", {"format": "pt"})
    index = {"metadata": {}, "weight_map": dict.fromkeys(weights, name)}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder


def test_shards_in_the_folder_load(tmp_path: Path) -> None:
    folder = sharded(tmp_path / "bert", "shard.safetensors")
    check_complete(folder, "x")
    assert load_model("AutoModel", folder, "x").config.hidden_size == 32


@pytest.mark.parametrize("kind", ["above", "absolute", "link"])
def test_weights_outside_of_the_folder_are_refused(tmp_path: Path, kind: str) -> None:
    outside = tmp_path / "elsewhere.safetensors"
    names = {"above": "../elsewhere.safetensors", "absolute": str(outside), "link": "linked"}
    folder = sharded(tmp_path / "bert", names[kind])
    (folder / "linked").symlink_to(outside)
    for load in (
        lambda: resolve_checkpoint(str(folder)),
        lambda: load_model("AutoModel", folder, "x"),
    ):
        with pytest.raises(CheckpointError, match="which is outside of the checkpoint folder"):
            load()


@pytest.mark.parametrize(
    ("index", "named"),
    [
        ("{", "not readable as JSON"),
        ("[]", "not a JSON object"),
        ("{}", "has no weight_map"),
        ('{"weight_map": {"a": [1]}}', "names the path"),
        ('{"weight_map": {"a": "absent.safetensors"}}', "'absent.safetensors', which is not there"),
        ('{"weight_map": ' + "[" * 100_000, "not readable as JSON"),
    ],
)
def test_a_broken_index_is_one_line(tmp_path: Path, index: str, named: str) -> None:
    folder = sharded(tmp_path / "bert", "shard.safetensors")
    (folder / "model.safetensors.index.json").write_text(index)
    with pytest.raises(CheckpointError, match=named):
        check_complete(folder, "x")


def test_links_of_the_hub_cache_count_as_inside(tmp_path: Path) -> None:
    snapshot = tmp_path / "models--owner--name/snapshots/abc"
    blobs = tmp_path / "models--owner--name/blobs"
    (snapshot / "2_Dense").mkdir(parents=True)
    blobs.mkdir()
    (blobs / "123").write_text("{}")
    (snapshot / "shard.safetensors").symlink_to("../../blobs/123")
    (snapshot / "2_Dense/config.json").symlink_to("../../../blobs/123")
    index = snapshot / "model.safetensors.index.json"
    index.write_text('{"weight_map": {"a": "shard.safetensors"}}')
    assert weight_map(index) == {"a": "shard.safetensors"}
    assert inside(snapshot / "2_Dense", "config.json", index).is_file()
    (snapshot / "other").symlink_to(tmp_path)
    with pytest.raises(CheckpointError, match="outside"):
        inside(snapshot, "other", index)


@pytest.mark.parametrize("path", ["..", "a/../../b", "/etc", "C:\\x", "..\\x", "é" * 300])
def test_paths_that_leave_the_folder(tmp_path: Path, path: str) -> None:
    with pytest.raises(CheckpointError, match="outside of the checkpoint folder"):
        inside(tmp_path, path, tmp_path / "modules.json")


def test_an_adapter_is_refused_by_name(tmp_path: Path) -> None:
    """transformers would fetch its base model from wherever the file says."""
    folder = tiny_bert(tmp_path / "bert")
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "owner/base"}')
    with pytest.raises(CheckpointError, match=r"adapter_config.json: is an adapter.*merge it"):
        resolve_checkpoint(str(folder))


@pytest.mark.parametrize("ref", ["", " ", "a" * 5000, "\0", "~nosuchuser/x", "/proc/1/x/\0"])
def test_names_that_no_file_can_have_are_one_line(ref: str) -> None:
    with pytest.raises(CheckpointError, match="no such checkpoint folder") as caught:
        resolve_checkpoint(ref)
    assert len(str(caught.value)) < 300


def test_an_architecture_of_its_own_is_named(tmp_path: Path) -> None:
    """jina-colbert-v2 and the like: their weights fit no class of transformers."""
    folder = tiny_bert(tmp_path / "bert")
    config = json.loads((folder / "config.json").read_text())
    own = {"auto_map": {"AutoModel": "owner/code--modeling.Own"}, "num_hidden_layers": 3}
    (folder / "config.json").write_text(json.dumps({**config, **own}))
    with pytest.raises(CheckpointError, match=r"code of its own \(owner/code--modeling.Own\)"):
        load_model("AutoModel", folder, "x")


@pytest.mark.parametrize(
    ("key", "value"), [("layer_norm_eps", "x"), ("chunk_size_feed_forward", 7)]
)
def test_a_model_that_does_not_run_is_one_line(tmp_path: Path, key: str, value: object) -> None:
    folder = tiny_bert(tmp_path / "bert")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, key: value}))
    # transformers 5 checks the kinds of some values itself.
    with pytest.raises(CheckpointError, match=r"(does not run|not loadable) as AutoModel"):
        load_model("AutoModel", folder, "x")
