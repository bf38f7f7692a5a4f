from __future__ import annotations

import errno
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from odqa.cache import Cache, content_key
from odqa.errors import CacheError


def write_hello(work: Path) -> None:
    (work / "sub").mkdir(exist_ok=True)
    (work / "sub" / "a.txt").write_text("hello")


def refuse(work: Path) -> None:
    raise AssertionError("built although it was there")


def test_key_depends_on_content_not_on_order() -> None:
    assert content_key({"a": 1, "b": [1, "x"]}) == content_key({"b": [1, "x"], "a": 1})
    assert content_key({"a": 1}) != content_key({"a": "1"})
    # SHA-256 of the three characters of an empty object's canonical form, {}.
    assert content_key({}).startswith("44136fa355b3678a")


@pytest.mark.parametrize("value", [Path("x"), {1}, object()])
def test_key_refuses_what_is_not_plain(value: object) -> None:
    with pytest.raises(TypeError):
        content_key({"a": value})


def test_key_refuses_nan() -> None:
    with pytest.raises(ValueError, match="JSON"):
        content_key({"a": float("nan")})


def test_built_once_then_found(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "deep" / "root")
    first = cache.artifact("kind", {"a": 1}, write_hello)
    assert first.parent == tmp_path / "deep" / "root" / "kind"
    assert first.name == content_key({"a": 1})[:24]
    assert cache.artifact("kind", {"a": 1}, refuse) == first
    assert (cache.hits, cache.misses) == (1, 1)
    assert cache.artifact("kind", {"a": 2}, write_hello) != first
    assert cache.bytes(first) == 5
    manifest = json.loads((first / "manifest.json").read_text())
    assert manifest["identity"] == {"a": 1}
    assert manifest["files"]["sub/a.txt"]["sha256"].startswith("2cf24dba5fb0a30e")


def test_crash_keeps_the_partial_folder_and_goes_on(tmp_path: Path) -> None:
    cache = Cache(tmp_path)

    def crash(work: Path) -> None:
        (work / "shard-0").write_text("done")
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        cache.artifact("kind", {}, crash)

    def go_on(work: Path) -> None:
        assert (work / "shard-0").read_text() == "done"
        (work / "shard-1").write_text("too")

    folder = cache.artifact("kind", {}, go_on)
    assert sorted(p.name for p in folder.iterdir()) == ["manifest.json", "shard-0", "shard-1"]
    assert not list((tmp_path / "kind").glob("*.partial"))


@pytest.mark.parametrize("harm", ["shorter", "same size", "gone", "manifest"])
def test_damage_is_seen_and_repaired(
    tmp_path: Path, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = Cache(tmp_path).artifact("kind", {}, write_hello)
    file = folder / "sub" / "a.txt"
    if harm == "shorter":
        file.write_text("hell")
    elif harm == "same size":
        file.write_text("hullo")
        os.utime(file, (1, 1))
    elif harm == "gone":
        file.unlink()
    else:
        (folder / "manifest.json").write_text("{")
    cache = Cache(tmp_path)
    with caplog.at_level(logging.WARNING):
        assert cache.artifact("kind", {}, write_hello) == folder
    assert file.read_text() == "hello"
    assert (cache.hits, cache.misses) == (0, 1)
    assert len(caplog.records) == 1
    assert "damaged" in caplog.text


def test_touched_but_equal_files_are_accepted_and_remembered(tmp_path: Path) -> None:
    folder = Cache(tmp_path).artifact("kind", {}, write_hello)
    os.utime(folder / "sub" / "a.txt", (1, 1))
    cache = Cache(tmp_path)
    cache.artifact("kind", {}, refuse)
    assert cache.hits == 1
    entry = json.loads((folder / "manifest.json").read_text())["files"]["sub/a.txt"]
    assert entry["mtime_ns"] == 10**9


def test_disabled_cache_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ODQA_CACHE", str(tmp_path / "never"))
    cache = Cache(enabled=False)
    folder = cache.artifact("kind", {}, write_hello)
    assert (folder / "sub" / "a.txt").is_file()
    assert not (tmp_path / "never").exists()
    del cache
    assert not folder.exists()


def test_root_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ODQA_CACHE", str(tmp_path / "here"))
    cache = Cache()
    assert cache.root == tmp_path / "here"
    assert not cache.root.exists()


def test_unusable_root_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match="cannot be written") as caught:
        Cache(tmp_path / "file" / "root").artifact("kind", {}, write_hello)
    assert "--cache" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs /proc, which root cannot write")
def test_unwritable_root_is_one_line() -> None:
    with pytest.raises(CacheError, match="cannot be written"):
        Cache("/proc/odqa").artifact("kind", {}, write_hello)


def test_full_disk_is_one_line(tmp_path: Path) -> None:
    def fill(work: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(CacheError, match="No space left on device"):
        Cache(tmp_path).artifact("kind", {}, fill)


def test_a_builders_own_file_errors_pass(tmp_path: Path) -> None:
    def read_elsewhere(work: Path) -> None:
        (tmp_path / "absent").read_text()

    with pytest.raises(FileNotFoundError):
        Cache(tmp_path / "root").artifact("kind", {}, read_elsewhere)


def test_two_processes_build_once(tmp_path: Path) -> None:
    script = """
import sys, time
from pathlib import Path
from odqa.cache import Cache
def build(work):
    with Path(sys.argv[1], "builds").open("a") as log:
        log.write("x")
    time.sleep(0.5)
    (work / "a").write_text("a")
Cache(Path(sys.argv[1], "root")).artifact("kind", {}, build)
"""
    root = Path(__file__).resolve().parent.parent
    command = [sys.executable, "-c", script, str(tmp_path)]
    running = [subprocess.Popen(command, cwd=root) for _ in range(3)]
    assert [process.wait(timeout=60) for process in running] == [0, 0, 0]
    assert (tmp_path / "builds").read_text() == "x"
