"""Write the licences of all locked packages, as their own metadata name them, to docs/licences.md.

    .venv/bin/python scripts/licences.py

Run it in the environment of requirements.lock. Copyleft and unknown licences are marked.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK, TABLE = ROOT / "requirements.lock", ROOT / "docs" / "licences.md"
_COPYLEFT = re.compile(r"\b[AL]?GPL|\bMPL\b|Mozilla|GNU|\bEPL\b|\bCDDL\b|\bEUPL\b")
_MIT_TEXT = "Permission is hereby granted, free of charge, to any person obtaining a copy"
_HEAD = """# Licences of the locked packages
Written by `python scripts/licences.py` from the metadata of the packages in `requirements.lock`:
{total} packages, {copyleft} of them marked **copyleft** and {unknown} **unknown**. odqa ships none
of them. The CUDA packages of `requirements-torch-cuda.lock`, which are installed only where no CPU
build of torch is taken, are NVIDIA's, under its own licence.

| package | version | licence | |
| --- | --- | --- | --- |
"""


def locked() -> dict[str, str]:
    """Package -> version."""
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    return dict(re.findall(r"^([\w.-]+)==([^ ;\\]+)", "\n".join(lines), re.MULTILINE))


def licence(package: Distribution) -> str:
    """The licence that a package's metadata name: expression, classifiers, field, or its text."""
    meta = package.metadata
    if expression := meta.get("License-Expression"):
        return expression
    classifiers = [name for name in meta.get_all("Classifier", []) if name.startswith("License ::")]
    names = [name.rpartition(" :: ")[2] for name in classifiers]
    if names := [name for name in names if name != "OSI Approved"]:
        return ", ".join(names)
    field = (meta.get("License") or "").strip()
    if field and "\n" not in field and field != "UNKNOWN":
        return field
    for file in package.files or ():
        if file.name.upper().startswith("LICEN") and ".dist-info" in str(file):
            text = " ".join(file.read_text().split())
            if _MIT_TEXT in text:
                return "MIT (by its text)"
    return ""


def mark(name: str) -> str:
    """What a reader should look at."""
    return "**unknown**" if not name else "**copyleft**" if _COPYLEFT.search(name) else ""


def rows() -> Iterator[tuple[str, str, str]]:
    """Package, version and licence of every locked package that is installed in that version."""
    for name, version in locked().items():
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue
        if package.version.partition("+")[0] == version:
            yield name, version, licence(package)


def row(name: str, version: str, licence_name: str) -> str:
    """A line of the table."""
    return f"| {name} | {version} | {licence_name or '—'} | {mark(licence_name)} |"


def main() -> int:
    """Write the table; exit code 2 where a package is not installed as it is locked."""
    found = list(rows())
    if missing := locked().keys() - {name for name, _, _ in found}:
        sys.stderr.write(f"not installed as locked: {', '.join(sorted(missing))}\n")
        return 2
    marks = [mark(licence_name) for _, _, licence_name in found]
    head = _HEAD.format(
        total=len(found), copyleft=marks.count("**copyleft**"), unknown=marks.count("**unknown**")
    )
    TABLE.write_text(head + "".join(f"{row(*entry)}\n" for entry in found), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
