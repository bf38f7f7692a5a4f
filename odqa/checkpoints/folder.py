"""A checkpoint folder on disk: whether it is complete, and the paths that its files name."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath

from odqa.checkpoints.settings_file import SettingsFile, read_json
from odqa.errors import CheckpointError

#: What a router of sentence-transformers says of its routes.
ROUTER = "router_config.json"
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")


def check_complete(folder: Path, name: str) -> None:
    """Refuse a folder that lacks ``config.json`` or weights, or whose files lie outside of it.

    Raises:
        CheckpointError: what is missing or wrong.
    """
    model = transformer_folder(folder)
    if (adapter := model / "adapter_config.json").is_file():
        raise CheckpointError(
            "is an adapter (LoRA) of another model, which odqa does not load",
            where=str(adapter),
            cure="merge it into its base model (peft: merge_and_unload) and save that",
        )
    if not (model / "config.json").is_file():
        raise CheckpointError(
            "no config.json in the checkpoint folder",
            where=name,
            cure="pass a folder in Hugging Face format",
        )
    SettingsFile.read(model / "config.json")
    if not any(any(model.glob(pattern)) for pattern in ("*.safetensors*", "pytorch_model*")):
        raise CheckpointError(
            "no weights (model.safetensors or pytorch_model.bin) in the checkpoint folder",
            where=name,
            cure="fetch the checkpoint again",
        )
    for stem in _WEIGHTS:
        if not (model / stem).is_file():
            weight_map(model / f"{stem}.index.json")


def transformer_folder(folder: Path) -> Path:
    """The folder of the model itself: a subfolder in old sentence-transformers checkpoints, and in
    those with a router, where it is the one that reads passages.

    Raises:
        CheckpointError: ``modules.json`` names no folder, or one outside of the checkpoint.
    """
    modules = folder / "modules.json"
    if (folder / "config.json").is_file() or not modules.is_file():
        return folder
    content = read_json(modules)
    first = content[0] if isinstance(content, list) and content else None
    if not isinstance(first, dict):
        raise CheckpointError(
            "names no modules", where=str(modules), cure="fetch the checkpoint again"
        )
    return _passage_side(inside(folder, first.get("path", ""), modules))


def _passage_side(folder: Path) -> Path:
    """Of a router, the folder of the first module that passages go through."""
    router = folder / ROUTER
    if (folder / "config.json").is_file() or not router.is_file():
        return folder
    structure = SettingsFile.read(router).mapping("structure") or {}
    names = SettingsFile(router, structure).texts("document") or ("",)
    return inside(folder, names[0], router)


def inside(folder: Path, relative: object, where: Path) -> Path:
    """A path that a file of a checkpoint names, which must lie in its folder.

    Links of the Hugging Face cache, from a snapshot to its blobs, count as inside.

    Args:
        folder: the checkpoint.
        relative: what the file says.
        where: the file that says it.

    Raises:
        CheckpointError: no text, an absolute path, or one that leads out of the folder.
    """
    if not isinstance(relative, str) or "\0" in relative:
        raise CheckpointError(f"names the path {relative!r}", where=str(where), cure=_FETCH)
    path = PurePosixPath(relative)
    absolute = path.is_absolute() or PureWindowsPath(relative).is_absolute()
    if absolute or ".." in PureWindowsPath(relative).parts:
        raise _outside(relative, where)
    try:
        target, root = (folder / path).resolve(), folder.resolve()
        # Says whether any file can be called so, there or not.
        target.is_file()
    except (OSError, RuntimeError) as error:  # a loop of links, a name that is too long
        raise _outside(relative, where) from error
    if not any(target.is_relative_to(allowed) for allowed in (root, *_blobs(root))):
        raise _outside(relative, where)
    return folder / path


def weight_map(index: Path) -> dict[str, str]:
    """Tensor name -> file, from the index of sharded weights; empty where there is no such file.

    Raises:
        CheckpointError: it is no index, or names a file that is missing or outside of the folder.
    """
    if not index.is_file():
        return {}
    shards = SettingsFile.read(index).mapping("weight_map")
    if shards is None:
        raise CheckpointError("has no weight_map", where=str(index), cure=_FETCH)
    for shard in {str(value): value for value in shards.values()}.values():
        if not inside(index.parent, shard, index).is_file():
            raise CheckpointError(
                f"names the file {str(shard)[:80]!r}, which is not there",
                where=str(index),
                cure=_FETCH,
            )
    return {str(key): str(value) for key, value in shards.items()}


_FETCH = "fetch the checkpoint again"


def _outside(relative: str, where: Path) -> CheckpointError:
    return CheckpointError(
        f"names {relative[:80]!r}, which is outside of the checkpoint folder",
        where=str(where),
        cure="copy the file into the folder and name it there",
    )


def _blobs(root: Path) -> list[Path]:
    """Where the Hugging Face cache keeps the files that its snapshots link to."""
    return [
        parent.parent / "blobs" for parent in (root, *root.parents) if parent.name == "snapshots"
    ]
