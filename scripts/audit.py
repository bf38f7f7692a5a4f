"""Compare the lock files with the known advisories in scripts/advisories.json; needs no network.

    .venv/bin/python scripts/audit.py

Exit code 1 where an advisory applies to a locked version and has no `answer`, which says why odqa
is not affected; 2 where the list cannot be used. To refresh the list, look the locked packages up
in a database of advisories (such as by `pip-audit -r requirements.lock --require-hashes`, where the
network allows it), add what is missing, and set `checked` to that day.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
ADVISORIES = ROOT / "scripts" / "advisories.json"


def locked(path: Path) -> dict[str, str]:
    """Package (normalised) -> version of a lock file."""
    pairs = re.findall(r"^([\w.-]+)==([^ ;\\]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in pairs}


def applying(advisories: list[dict[str, Any]], versions: dict[str, str]) -> list[dict[str, Any]]:
    """The advisories whose affected versions hold the locked one."""
    return [
        advisory
        for advisory in advisories
        if (version := versions.get(canonicalize_name(advisory["package"]))) is not None
        and any(
            SpecifierSet(affected).contains(version, prereleases=True)
            for affected in advisory["affected"]
        )
    ]


def main(folder: Path = ROOT) -> int:
    """Print every advisory that applies."""
    try:
        known = json.loads(ADVISORIES.read_text(encoding="utf-8"))
        advisories, checked = known["advisories"], known["checked"]
    except (OSError, ValueError, KeyError) as error:
        sys.stderr.write(f"{ADVISORIES}: cannot be used ({error})\n")
        return 2
    count = answered = 0
    locks = sorted(folder.glob("requirements*.lock"))
    for path in locks:
        versions = locked(path)
        for advisory in applying(advisories, versions):
            name = canonicalize_name(advisory["package"])
            if answer := advisory.get("answer"):
                sys.stdout.write(
                    f"{path.name}: {name} {versions[name]}: {advisory['id']}: {answer}\n"
                )
                answered += 1
                continue
            sys.stdout.write(
                f"{path.name}: {name} {versions[name]}: {advisory['id']}, {advisory['summary']} "
                f"(affected: {' or '.join(advisory['affected'])}; {advisory['source']})\n"
            )
            count += 1
    sys.stdout.write(
        f"{len(advisories)} advisories, as of {checked}, over {len(locks)} lock files: "
        f"{count} apply, {answered} do where odqa does not use the flaw\n"
    )
    return int(count > 0)


if __name__ == "__main__":
    sys.exit(main())
