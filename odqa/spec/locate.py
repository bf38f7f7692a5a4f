"""Where a spec is: a path, or the name of one that ships with odqa."""

from __future__ import annotations

from pathlib import Path

import odqa
from odqa.data.paths import is_file
from odqa.errors import SpecError
from odqa.suggest import did_you_mean


def built_in_folder() -> Path:
    """``pipelines/``: inside an installed package, beside it in a checkout."""
    package = Path(odqa.__file__).parent
    inside = package / "pipelines"
    return inside if inside.is_dir() else package.parent / "pipelines"


def built_in_specs() -> dict[str, Path]:
    """Name -> file: ``retro`` and the like, and their download-free twins ``embedded/retro``."""
    folder = built_in_folder()
    specs = {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    return specs | {f"embedded/{p.stem}": p for p in sorted(folder.glob("embedded/*.yaml"))}


def find_spec(ref: str | Path) -> Path:
    """The file a reference means.

    Raises:
        SpecError: neither a file nor a built-in name.
    """
    path = Path(ref)
    if is_file(path) or path.suffix in (".yaml", ".yml"):
        return path
    specs = built_in_specs()
    if str(ref) in specs:
        return specs[str(ref)]
    raise SpecError(
        "neither a spec file nor a built-in pipeline",
        where=str(ref),
        cure=did_you_mean(str(ref), specs),
    )
