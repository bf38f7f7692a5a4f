from __future__ import annotations

import errno
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from filelock import FileLock

from odqa.cache import Cache, content_key
from odqa.errors import CacheError, EnvironmentProblem


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


@pytest.mark.parametrize(
    "harm", ["shorter", "same size", "same size and time", "gone", "unlisted", "manifest"]
)
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
    elif harm == "same size and time":
        before = file.stat()
        file.write_text("hullo")
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    elif harm == "unlisted":
        (folder / "offsets.npy").write_text("x")
    elif harm == "gone":
        file.unlink()
    else:
        (folder / "manifest.json").write_text("{")
    cache = Cache(tmp_path)
    with caplog.at_level(logging.WARNING):
        assert cache.artifact("kind", {}, write_hello) == folder
    assert file.read_text() == "hello"
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "sub"]
    assert list(folder.parent.glob("*.damaged"))
    Cache(tmp_path).artifact("kind", {}, refuse)
    assert not list(folder.parent.glob("*.damaged"))
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


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        # As FAISS, safetensors and Lucene say it.
        RuntimeError("Error in write_index: write error in x: 1 != 2 (No space left on device)"),
        Exception('IoError(Os { code: 28, message: "No space left on device" })'),
        EnvironmentProblem("Lucene could not build the index (IOException: Disk quota exceeded)"),
        OSError(errno.ESTALE, os.strerror(errno.ESTALE)),
    ],
    ids=["python", "faiss", "safetensors", "lucene", "mount"],
)
def test_a_failing_disk_is_one_line_and_keeps_what_was_finished(
    tmp_path: Path, error: Exception
) -> None:
    def fill(work: Path) -> None:
        (work / "shard").write_text("done")
        raise error

    with pytest.raises(CacheError, match="the cache cannot be written") as caught:
        Cache(tmp_path).artifact("kind", {}, fill)
    assert "\n" not in str(caught.value)
    (partial,) = (tmp_path / "kind").glob("*.partial")
    assert (partial / "shard").read_text() == "done"


def test_an_error_without_a_word_of_the_disk_is_the_disks_where_it_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(work: Path) -> None:
        raise OSError("4096 requested and 0 written")

    with pytest.raises(OSError, match="requested"):
        Cache(tmp_path).artifact("kind", {}, build)

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CacheError, match="No space left on device"):
        Cache(tmp_path).artifact("kind", {}, build)
    assert not [path for path in (tmp_path / "kind").iterdir() if path.suffix != ".lock"]


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
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", script, str(tmp_path)]
    running = [subprocess.Popen(command, cwd=root) for _ in range(3)]
    assert [process.wait(timeout=60) for process in running] == [0, 0, 0]
    assert (tmp_path / "builds").read_text() == "x"


@pytest.mark.parametrize("odd", ["partial is a file", "partial is a link", "final is a file"])
def test_what_stands_in_the_way_is_removed_and_never_written_through(
    tmp_path: Path, odd: str
) -> None:
    final = tmp_path / "kind" / content_key({})[:24]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    final.parent.mkdir()
    partial = final.with_name(f"{final.name}.partial")
    if odd == "partial is a file":
        partial.write_text("x")
    elif odd == "partial is a link":
        partial.symlink_to(elsewhere)
    else:
        final.write_text("x")
    assert Cache(tmp_path).artifact("kind", {}, write_hello) == final
    assert not final.is_symlink()
    assert not list(elsewhere.iterdir())
    Cache(tmp_path).artifact("kind", {}, refuse)
    assert sorted(path.name for path in final.parent.iterdir()) == [
        final.name,
        f"{final.name}.lock",
    ]


def test_nothing_is_written_through_a_link_inside_of_the_work_folder(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    work = tmp_path / "kind" / f"{content_key({})[:24]}.partial" / "sub"
    work.mkdir(parents=True)
    (work / "a.txt").symlink_to(precious)
    folder = Cache(tmp_path).artifact("kind", {}, write_hello)
    assert precious.read_text() == "mine"
    assert not (folder / "sub" / "a.txt").is_symlink()


def test_a_lock_that_is_a_folder_is_one_line(tmp_path: Path) -> None:
    lock = tmp_path / "kind" / f"{content_key({})[:24]}.lock"
    lock.mkdir(parents=True)
    with pytest.raises(CacheError, match=r"\.lock: is a folder .* remove it"):
        Cache(tmp_path).artifact("kind", {}, write_hello)


def test_leftovers_of_a_killed_process_go_with_the_next_use(tmp_path: Path) -> None:
    folder = Cache(tmp_path).artifact("kind", {}, write_hello)
    for suffix in (".partial", ".damaged"):
        folder.with_name(folder.name + suffix).mkdir()
    (folder / "manifest.json.tmp").write_text("{")
    (folder / ".resume").mkdir()
    (folder / ".resume" / "000000.npz").write_text("")
    assert Cache(tmp_path).artifact("kind", {}, refuse) == folder
    assert [path.name for path in folder.iterdir() if path.name != "sub"] == ["manifest.json"]
    assert {path.suffix for path in folder.parent.iterdir()} == {"", ".lock"}


def test_a_draft_of_a_killed_builder_is_no_part_of_the_artifact(tmp_path: Path) -> None:
    work = tmp_path / "kind" / f"{content_key({})[:24]}.partial"
    work.mkdir(parents=True)
    (work / "batch-00007.tmp").write_text("half")
    folder = Cache(tmp_path).artifact("kind", {}, write_hello)
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "sub"]


def test_an_interrupted_build_without_a_file_leaves_nothing(tmp_path: Path) -> None:
    def interrupted(work: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Cache(tmp_path).artifact("kind", {}, interrupted)
    assert [path.suffix for path in (tmp_path / "kind").iterdir()] == [".lock"]


def test_a_sound_artifact_needs_no_lock_and_is_not_written(tmp_path: Path) -> None:
    """As on a read-only mount, or in the cache of somebody else."""
    folder = Cache(tmp_path).artifact("kind", {}, write_hello)
    lock = folder.with_name(f"{folder.name}.lock")
    lock.unlink()
    lock.mkdir()
    # A copy has another inode; the manifest would be completed if it could.
    os.utime(folder / "sub" / "a.txt", (1, 1))
    before = (folder / "manifest.json").read_bytes()
    assert Cache(tmp_path).artifact("kind", {}, refuse) == folder
    assert (folder / "manifest.json").read_bytes() == before


def test_who_waits_for_another_process_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("odqa.cache.lock._QUIET", 0.05)
    final = tmp_path / "kind" / content_key({})[:24]
    final.parent.mkdir()
    is_held = threading.Event()

    def hold() -> None:
        with FileLock(f"{final}.lock"):
            is_held.set()
            time.sleep(0.5)

    threading.Thread(target=hold).start()
    is_held.wait()
    cache = Cache(tmp_path)
    with caplog.at_level(logging.INFO):
        cache.artifact("kind", {}, write_hello)
    assert "waiting for another process" in caplog.text
    assert cache.waited > 0.3


def test_the_lock_of_a_dead_process_is_free(tmp_path: Path) -> None:
    script = """
import os, signal, sys
from odqa.cache import Cache
Cache(sys.argv[1]).artifact("kind", {}, lambda work: os.kill(os.getpid(), signal.SIGKILL))
"""
    root = Path(__file__).resolve().parents[2]
    process = subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=root, timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert list((tmp_path / "kind").glob("*.partial"))
    Cache(tmp_path).artifact("kind", {}, write_hello)
    assert not list((tmp_path / "kind").glob("*.partial"))
