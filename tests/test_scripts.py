"""The lock files, and the scripts that judge what is in them."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
LOCKS = sorted(ROOT.glob("requirements*.lock"))


def script(name: str) -> ModuleType:
    """A script as a module; they are no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def requirements(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Each requirement of a lock file, with its hashes."""
    text = path.read_text(encoding="utf-8").replace(" \\\n", " ")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            requirement, *hashes = line.split(" --hash=")
            yield requirement, [entry.strip() for entry in hashes]


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.stem)
def test_every_package_is_pinned_with_hashes_and_no_place(path: Path) -> None:
    entries = list(requirements(path))
    assert len(entries) > (100 if "torch" not in path.stem else 0)
    for requirement, hashes in entries:
        assert re.fullmatch(r"[a-z0-9.-]+==[\w.+]+( ; .*)?", requirement.strip(), re.IGNORECASE)
        assert hashes and all(re.fullmatch(r"sha256:[0-9a-f]{64}", entry) for entry in hashes)
    assert not re.search(r"https?:|file:|index-url|find-links", path.read_text(encoding="utf-8"))


def test_all_lock_files_hold_one_torch() -> None:
    assert len(LOCKS) == 4
    torch = {re.sub(r"\+cpu| ;.*", "", r.strip()) for path in LOCKS for r, _ in requirements(path)}
    assert len({requirement for requirement in torch if requirement.startswith("torch==")}) == 1


def test_all_that_is_installed_has_its_hash_checked() -> None:
    lines = (ROOT / "scripts" / "setup.sh").read_text(encoding="utf-8").splitlines()
    installs = [line.strip() for line in lines if re.search(r"pip install|^ *install ", line)]
    ours = "pip install -q --no-deps --no-build-isolation -e ."
    by_hash = "install() { pip install -q --require-hashes --no-deps"
    assert ours in installs
    for line in installs:
        assert line == ours or line.startswith(("install ", by_hash)), line


def test_no_advisory_applies_to_a_locked_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert script("audit").main() == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    ("locked", "expected"),
    [
        ("1.2.2", ["A"]),
        ("1.2.3", []),
        ("2.0.1", ["A"]),
        ("2.1", []),
    ],
)
def test_an_advisory_applies_by_version(locked: str, expected: list[str]) -> None:
    audit = script("audit")
    advisories = [{"id": "A", "package": "Some_Package", "affected": ["<1.2.3", ">=2,<2.1"]}]
    found = audit.applying(advisories, {"some-package": locked, "other": "0.1"})
    assert [advisory["id"] for advisory in found] == expected


@pytest.mark.parametrize("answered", [False, True])
def test_an_advisory_that_applies_is_reported(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answered: bool,
) -> None:
    audit = script("audit")
    shutil.copy(ROOT / "requirements.lock", tmp_path)
    entry: dict[str, Any] = {"id": "X-1", "package": "NumPy", "affected": [">=0"]}
    entry |= {"summary": "a flaw", "source": "somewhere"} | ({"answer": "no"} if answered else {})
    known = tmp_path / "advisories.json"
    known.write_text(json.dumps({"checked": "today", "advisories": [entry]}))
    monkeypatch.setattr(audit, "ADVISORIES", known)
    assert audit.main(tmp_path) == (0 if answered else 1)
    assert "requirements.lock: numpy" in (printed := capsys.readouterr().out) and "X-1" in printed
    known.write_text("{}")
    assert audit.main(tmp_path) == 2


def test_every_advisory_names_its_source_and_versions() -> None:
    from packaging.specifiers import SpecifierSet

    known = json.loads((ROOT / "scripts" / "advisories.json").read_text(encoding="utf-8"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", known["checked"]) and known["coverage"]
    for advisory in known["advisories"]:
        assert set(advisory) - {"answer"} == {"id", "package", "affected", "summary", "source"}
        assert all(SpecifierSet(affected) for affected in advisory["affected"])
        for path in re.findall(r"\b(?:tests|odqa)/[\w/]+\.py", advisory.get("answer", "")):
            assert (ROOT / path).is_file(), path


def test_the_table_of_licences_is_that_of_the_lock() -> None:
    licences = script("licences")
    lines = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if re.match(r"\| [\w.-]+ \| \d", line)]
    assert [row.split(" | ")[:2] for row in rows] == [
        [f"| {name}", number] for name, number in licences.locked().items()
    ]
    installed = list(licences.rows())
    try:
        is_locked = version("transformers") == licences.locked()["transformers"]
    except PackageNotFoundError:
        is_locked = False
    assert len(installed) > 150 or not is_locked
    for entry in installed:
        assert licences.row(*entry) in rows


@pytest.mark.parametrize(
    ("name", "mark"),
    [
        ("MIT", ""),
        ("Apache-2.0 OR BSD-3-Clause", ""),
        ("Mozilla Public License 2.0 (MPL 2.0)", "**copyleft**"),
        ("MPL-2.0 AND MIT", "**copyleft**"),
        ("GNU General Public License v2 (GPLv2)", "**copyleft**"),
        ("LGPL-3.0-or-later", "**copyleft**"),
        ("", "**unknown**"),
    ],
)
def test_copyleft_and_unknown_licences_are_marked(name: str, mark: str) -> None:
    assert script("licences").mark(name) == mark
