from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from odqa.cache import Cache, manifest
from odqa.cache.manifest import Damaged, check

IDENTITY: dict[str, object] = {"what": "numbers", "version": 3}


def build(work: Path) -> None:
    (work / "a.bin").write_bytes(bytes(range(256)) * 4)
    (work / "sub").mkdir()
    (work / "sub" / "b.json").write_text('{"x": 1}')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Cache(tmp_path).artifact("kind", IDENTITY, build)


def edited(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = folder / "manifest.json"
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def test_every_flipped_byte_is_noticed(folder: Path) -> None:
    """Of every file, the manifest too, wherever it is; times of the files set back."""
    rng, sound = random.Random(0), check(folder)
    noticed = harmless = 0
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        for _ in range(60):
            before, stat = path.read_bytes(), path.stat()
            data = bytearray(before)
            position = rng.randrange(len(data))
            data[position] ^= 1 << rng.randrange(8)
            path.write_bytes(bytes(data))
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
            try:
                checked = check(folder)
            except Damaged:
                noticed += 1
            else:
                # White space, or the state of a file, which then is hashed again.
                assert path.name == "manifest.json"
                assert checked.spent == sound.spent
                harmless += 1
            path.write_bytes(before)
    assert noticed > 120 and noticed + harmless == 180
    assert check(folder).spent.seconds > 0


@pytest.mark.parametrize(
    "text",
    [
        b"[]",
        b"null",
        b"[" * 100_000,
        b"\xff\xfe",
        b"",
        b'{"files": [], "identity": {}, "seconds": 1}',
        b'{"files": null, "seconds": 1}',
        b'{"files": {}, "identity": {}}',
        b'{"files": {}, "seconds": "x"}',
        b'{"checksum": 1}',
        b"1" * 5000,
    ],
)
def test_no_manifest_at_all(folder: Path, text: bytes) -> None:
    (folder / "manifest.json").write_bytes(text)
    with pytest.raises(Damaged):
        check(folder)


def test_an_edited_manifest(folder: Path) -> None:
    edited(folder, lambda data: data.update(seconds=data["seconds"] + 1))
    with pytest.raises(Damaged, match=r"manifest.json has another checksum"):
        check(folder)


def test_costs_that_are_no_numbers(folder: Path) -> None:
    edited(folder, lambda data: data.update(seconds="x"))
    edited(folder, lambda data: data.pop("checksum"))
    with pytest.raises(Damaged, match="no numbers"):
        check(folder)


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_numbers_that_no_manifest_can_hold(folder: Path, value: float) -> None:
    # Without a checksum it would be completed, which cannot be done.
    as_version_0_1_0(folder)
    edited(folder, lambda data: data.update(joules=value))
    with pytest.raises(Damaged):
        check(folder)


def test_of_another_identity(folder: Path) -> None:
    other = folder.with_name("0" * 24)
    shutil.copytree(folder, other)
    with pytest.raises(Damaged, match="of another artifact"):
        check(other)


def test_files_that_are_missing_or_not_listed(folder: Path) -> None:
    (folder / "sub" / "more").write_text("")
    with pytest.raises(Damaged, match="sub/more is not listed"):
        check(folder)
    (folder / "sub" / "more").unlink()
    (folder / ".DS_Store").write_text("")
    check(folder)
    (folder / "a.bin").unlink()
    with pytest.raises(Damaged, match=r"a.bin is missing"):
        check(folder)


def test_a_list_of_no_files(folder: Path) -> None:
    edited(folder, lambda data: data.update(files={}))
    edited(folder, lambda data: data.pop("checksum"))
    with pytest.raises(Damaged, match="not listed"):
        check(folder)


def as_version_0_1_0(folder: Path) -> None:
    def earlier(data: dict[str, Any]) -> None:
        del data["checksum"]
        for entry in data["files"].values():
            for key in ("xxh3", "ctime_ns", "inode"):
                del entry[key]

    edited(folder, earlier)


def test_one_of_version_0_1_0_is_checked_by_sha256_and_completed(folder: Path) -> None:
    as_version_0_1_0(folder)
    root = folder.parent.parent
    cache = Cache(root)
    cache.artifact("kind", IDENTITY, build)
    assert cache.hits == 1
    completed = json.loads((folder / "manifest.json").read_text())
    assert "checksum" in completed
    entry = completed["files"]["a.bin"]
    # SHA-256 of the bytes 0 to 255, four times.
    assert entry["sha256"] == hashlib.sha256(bytes(range(256)) * 4).hexdigest()
    assert {"xxh3", "ctime_ns", "inode"} <= entry.keys()
    assert check(folder).renewed is None


def test_one_of_version_0_1_0_with_a_flipped_byte_and_its_time_set_back(folder: Path) -> None:
    as_version_0_1_0(folder)
    path = folder / "a.bin"
    stat, data = path.stat(), bytearray(path.read_bytes())
    data[7] ^= 1
    path.write_bytes(bytes(data))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with pytest.raises(Damaged, match=r"a.bin has another checksum"):
        check(folder)


def test_a_large_file_is_hashed_only_where_its_state_changed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "HASHED_AT_ONCE", 100)
    hashed: list[str] = []
    original = manifest.xxh3_of

    def counted(path: Path, state: manifest.FileState) -> str:
        hashed.append(path.name)
        return original(path, state)

    monkeypatch.setattr(manifest, "xxh3_of", counted)
    check(folder)
    assert hashed == ["b.json"]
    path = folder / "a.bin"
    stat, data = path.stat(), bytearray(path.read_bytes())
    data[7] ^= 1
    path.write_bytes(bytes(data))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with pytest.raises(Damaged, match=r"a.bin has another checksum"):
        check(folder)


def test_a_copy_is_hashed_once(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "HASHED_AT_ONCE", 100)
    copy = tmp_path / "copy"
    shutil.copytree(folder.parent, copy / "kind")
    renewed = check(copy / "kind" / folder.name).renewed
    assert renewed is not None
    Cache(copy).artifact("kind", IDENTITY, build)
    assert check(copy / "kind" / folder.name).renewed is None
