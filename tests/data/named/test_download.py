from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from odqa.data.named.download import download, size_at
from odqa.errors import DataError, EnvironmentProblem

CONTENT = bytes(range(256)) * 20_000  # 5 MB, more than is read at once


@pytest.fixture
def url(server: Any) -> str:
    server.files["/a.bin"] = CONTENT
    return f"{server.url}/a.bin"


def test_whole(url: str, server: Any, tmp_path: Path) -> None:
    assert size_at(url) == len(CONTENT)
    download(url, tmp_path / "a", tmp_path / "resume")
    assert (tmp_path / "a").read_bytes() == CONTENT
    server.says_length = False
    assert size_at(url) is None
    download(url, tmp_path / "b", tmp_path / "resume")
    assert (tmp_path / "b").read_bytes() == CONTENT


def test_resumed_where_it_broke_off(url: str, server: Any, tmp_path: Path) -> None:
    server.breaks_after = 3_000_000
    with pytest.raises(EnvironmentProblem, match=r"broke off.*run the same command again"):
        download(url, tmp_path / "a", tmp_path / "resume")
    assert not (tmp_path / "a").exists()
    kept = (tmp_path / "resume" / "part").stat().st_size
    assert 2_000_000 <= kept <= 3_000_000
    download(url, tmp_path / "a", tmp_path / "resume")
    assert server.log[-1] == ("GET", "/a.bin", f"bytes={kept}-")
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_another_file_of_that_name_is_fetched_from_its_beginning(
    url: str, server: Any, tmp_path: Path
) -> None:
    server.breaks_after = 3_000_000
    with pytest.raises(EnvironmentProblem):
        download(url, tmp_path / "a", tmp_path / "resume")
    server.files["/a.bin"], server.stamp = b"new", '"2"'
    download(url, tmp_path / "a", tmp_path / "resume")
    assert (tmp_path / "a").read_bytes() == b"new"


def test_what_arrived_whole_before_a_kill_is_not_fetched_again(
    url: str, server: Any, tmp_path: Path
) -> None:
    download(url, tmp_path / "a", tmp_path / "resume")
    # Killed between the last byte and the renaming.
    (tmp_path / "a").rename(tmp_path / "resume" / "part")
    n = len(server.log)
    download(url, tmp_path / "a", tmp_path / "resume")
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert len(server.log) == n


def test_no_such_file_and_no_server(server: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"/none: the server answers 404"):
        download(f"{server.url}/none", tmp_path / "a", tmp_path / "resume")
    with pytest.raises(EnvironmentProblem, match="cannot be reached"):
        size_at("http://127.0.0.1:9/a")
