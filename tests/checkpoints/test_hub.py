"""The hub's local cache, laid out as huggingface_hub does, with the hub itself out of reach."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from odqa.cache import Cache
from odqa.checkpoints.hub import commit_of
from odqa.checkpoints.resolve import checkpoint_sources, resolve_checkpoint
from odqa.comparison.run import run_comparison
from odqa.errors import CheckpointError, EnvironmentProblem
from odqa.spec.pipeline import parse_pipeline
from odqa.testing.tiny_checkpoints import tiny_bert
from odqa.testing.toys import toy_dataset

OLD, NEW = "a" * 40, "b" * 40


def git_hash(content: bytes) -> str:
    """As ``git hash-object`` gives it; the hub's hash of small files."""
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


def put(repository: Path, commit: str, checkpoint: Path) -> None:
    """A snapshot: links to files that are named by their hashes."""
    snapshot = repository / "snapshots" / commit
    (repository / "blobs").mkdir(parents=True, exist_ok=True)
    for path in (path for path in checkpoint.rglob("*") if path.is_file()):
        content = path.read_bytes()
        is_large = path.suffix == ".safetensors"
        name = hashlib.sha256(content).hexdigest() if is_large else git_hash(content)
        (repository / "blobs" / name).write_bytes(content)
        link = snapshot / path.relative_to(checkpoint)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(repository / "blobs" / name)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``mine/bert`` with two commits; ``main`` is the newer one."""
    from huggingface_hub import constants

    hub = tmp_path / "hub"
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(hub))
    folder = hub / "models--mine--bert"
    for seed, commit in enumerate((OLD, NEW)):
        put(folder, commit, tiny_bert(tmp_path / commit, seed=seed))
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(NEW)
    (folder / "refs" / "v1").write_text(OLD)
    return folder


@pytest.mark.parametrize(
    ("ref", "commit"),
    [("mine/bert", NEW), ("mine/bert@v1", OLD), (f"mine/bert@{OLD}", OLD)],
)
def test_a_revision_is_what_is_loaded(repository: Path, ref: str, commit: str) -> None:
    assert resolve_checkpoint(ref) == repository / "snapshots" / commit
    assert commit_of(ref) == commit


def test_a_revision_that_is_not_there_is_one_line(repository: Path) -> None:
    with pytest.raises(EnvironmentProblem, match=r"mine/bert@v2: no such local folder"):
        resolve_checkpoint("mine/bert@v2")
    assert commit_of("mine/bert@v2") is None
    assert commit_of("no name at all") is None


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_file_that_is_not_the_hubs_is_refused(repository: Path, name: str) -> None:
    resolve_checkpoint("mine/bert")
    blob = (repository / "snapshots" / NEW / name).resolve()
    content = bytearray(blob.read_bytes())
    content[-2] ^= 1
    blob.write_bytes(content)
    with pytest.raises(CheckpointError, match=rf"mine/bert: {name} is not the file that the hub"):
        resolve_checkpoint("mine/bert")
    # The other commit has files of its own.
    assert name == "config.json" or resolve_checkpoint("mine/bert@v1")


@pytest.mark.usefixtures("toys")
def test_a_manifest_names_contents_and_commits(repository: Path) -> None:
    spec = parse_pipeline(
        "{name: finds, retriever: {type: sentence, checkpoint: mine/bert@v1, k: 2}}"
    )
    cache = Cache(enabled=False)
    manifest = run_comparison([spec], toy_dataset(), cache).manifest
    (content,) = checkpoint_sources(cache, "mine/bert@v1").values()
    assert manifest["sources"] == {"mine/bert@v1": {"content": content, "commit": OLD}}
