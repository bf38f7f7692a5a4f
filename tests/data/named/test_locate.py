from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from odqa.cache import Cache
from odqa.data.named import NamedFile, find_questions, locate
from odqa.errors import DataError, EnvironmentProblem

REPOSITORY, REVISION = "RUC-NLPIR/FlashRAG_datasets", "ad1ee41ccf627036706307ab28318c09600f4f42"
Writer = Callable[..., Path]


def named(ref: str, **changed: Any) -> NamedFile:
    found = find_questions(ref)
    assert found is not None
    return replace(found, **changed)


def refusal(file: NamedFile, cache: Cache) -> str:
    with pytest.raises((DataError, EnvironmentProblem)) as caught:
        locate(file, cache)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "path",
    [
        "triviaqa/test.jsonl",  # FlashRAG
        "triviaqa/test.jsonl.gz",
        "data/retriever/qas/trivia-test.csv",  # what DPR's download_data.py writes
    ],
)
def test_a_folder_of_ones_own_comes_first(
    tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_bytes(b"content")
    monkeypatch.setenv("ODQA_DATA", str(tmp_path))
    found = locate(named("triviaqa"), cache)
    assert (found.path, found.source, found.checked) == (tmp_path / path, "folder", "nothing")
    assert found.sha256 == hashlib.sha256(b"content").hexdigest()
    assert found.provenance()["revision"] is None


def test_name_and_split_in_a_folder(
    tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "2wiki").mkdir()
    (tmp_path / "2wiki" / "dev.jsonl").write_text("x")
    monkeypatch.setenv("ODQA_DATA", str(tmp_path))
    assert locate(named("2wiki"), cache).path.parts[-2:] == ("2wiki", "dev.jsonl")


def test_another_version_in_a_folder_is_used_and_said(
    tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "hotpotqa").mkdir()
    file = tmp_path / "hotpotqa" / "dev.jsonl"
    file.write_text("x")
    monkeypatch.setenv("ODQA_DATA", str(tmp_path))
    assert locate(named("hotpotqa"), cache).checked == "nothing"
    assert "another version of hotpotqa:dev than the one that odqa knows" in caplog.text
    caplog.clear()
    known = named("hotpotqa", sha256=hashlib.sha256(b"x").hexdigest())
    assert locate(known, cache).checked == "registry"
    assert not caplog.text


def test_the_hubs_cache_is_read_without_a_network(
    tmp_path: Path, cache: Cache, in_hub_cache: Writer
) -> None:
    content = b"questions"
    sha256 = hashlib.sha256(content).hexdigest()
    blob = in_hub_cache(REPOSITORY, REVISION, "hotpotqa/dev.jsonl", content)
    found = locate(named("hotpotqa", sha256=sha256), cache)
    assert (found.source, found.checked) == ("hub", "registry")
    assert found.path.resolve() == blob
    assert found.provenance() == {
        "name": "hotpotqa:dev",
        "source": f"https://huggingface.co/datasets/{REPOSITORY}/resolve/{REVISION}/"
        "hotpotqa/dev.jsonl",
        "revision": REVISION,
        "sha256": sha256,
        "checked": "registry",
        "licence": "CC BY-SA 4.0",
    }


def test_a_file_that_is_not_the_registrys_is_refused(cache: Cache, in_hub_cache: Writer) -> None:
    blob = in_hub_cache(REPOSITORY, REVISION, "hotpotqa/dev.jsonl", b"forged")
    line = refusal(named("hotpotqa"), cache)
    assert "is another file (" in line and "than the registry has (434ec1558670…)" in line
    assert line.endswith(f"delete {blob} and fetch it again")


def test_without_a_published_digest_that_of_the_first_time_counts(
    cache: Cache, in_hub_cache: Writer
) -> None:
    blob = in_hub_cache(REPOSITORY, REVISION, "triviaqa/test.jsonl", b"first")
    assert locate(named("triviaqa"), cache).checked == "first fetch"
    assert locate(named("triviaqa"), cache).checked == "first fetch"
    blob.write_bytes(b"other")
    line = refusal(named("triviaqa"), cache)
    assert "than it was first fetched as" in line
    # A cache that is new knows of no first time.
    assert locate(named("triviaqa"), Cache(cache.root / "new")).checked == "first fetch"


def test_offline_says_what_to_download_and_where_to_put_it(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("odqa.data.hub.reachable", lambda: False)
    url = f"https://huggingface.co/datasets/{REPOSITORY}/resolve/{REVISION}/triviaqa/test.jsonl"
    line = "triviaqa:test: the Hugging Face hub cannot be reached, and the file is not on this "
    line += f"machine; download {url} (4.8 MB) elsewhere, and save it as "
    assert refusal(named("triviaqa"), cache) == (
        f"{line}FOLDER/triviaqa/test.jsonl with ODQA_DATA=FOLDER"
    )
    monkeypatch.setenv("ODQA_DATA", "/data")
    assert refusal(named("triviaqa"), cache) == f"{line}/data/triviaqa/test.jsonl"


def test_large_files_are_fetched_only_when_asked(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reachable() -> bool:
        raise AssertionError("the hub was asked")

    monkeypatch.setattr("odqa.data.hub.reachable", reachable)
    line = refusal(named("hotpotqa:train"), cache)
    assert line.startswith(
        "hotpotqa:train: is not here, and is 570 MB to download; fetch it with: odqa data "
        "hotpotqa:train --fetch; or put it into a folder (save it as FOLDER/hotpotqa/train.jsonl"
    )
    with pytest.raises(AssertionError, match="the hub was asked"):
        locate(named("hotpotqa:train"), cache, fetch_large=True)


def dpr(server: Any, **changed: Any) -> NamedFile:
    file = named("curatedtrec", **changed)
    return replace(file, place=file.place.model_copy(update={"url": server.url}))


def test_from_a_server(cache: Cache, server: Any) -> None:
    path = "/data/retriever/curatedtrec-test.qa.csv"
    server.files[path] = b"who\t['A']\n"
    found = locate(dpr(server), cache)
    assert found.path.name == "curatedtrec-test.qa.csv"
    assert (found.path.read_bytes(), found.source) == (b"who\t['A']\n", "server")
    assert [method for method, *_ in server.log] == ["HEAD", "GET"]
    # It is here now.
    assert locate(dpr(server), cache).path == found.path
    assert len(server.log) == 2
    # Fetched again after the cache lost it, it has to be what it was.
    shutil.rmtree(found.path.parent)
    server.files[path] = b"what\t['B']\n"
    assert "than it was first fetched as" in refusal(dpr(server), cache)


def test_a_server_that_states_a_large_size_or_none(cache: Cache, server: Any) -> None:
    server.files["/data/retriever/curatedtrec-test.qa.csv"] = b"x"
    server.says_length = False
    assert "is not here, and is of unknown size; fetch it with" in refusal(dpr(server), cache)
    assert locate(dpr(server), cache, fetch_large=True).path.read_bytes() == b"x"


def test_a_server_that_is_down(cache: Cache, server: Any) -> None:
    down = dpr(server)
    down = replace(down, place=down.place.model_copy(update={"url": "http://127.0.0.1:9"}))
    line = refusal(down, cache)
    assert "curatedtrec:test: cannot be reached" in line
    assert "download http://127.0.0.1:9/data/retriever/curatedtrec-test.qa.csv elsewhere" in line


SCRIPT = """
from dataclasses import replace
from odqa.cache import Cache
from odqa.data.named import find_questions, locate
file = replace(find_questions("hotpotqa"), sha256={sha256!r})
print(locate(file, Cache({cache!r})).path.read_bytes())
"""


def test_from_a_hub(tmp_path: Path, server: Any) -> None:
    content = b"questions of two hops"
    sha256 = hashlib.sha256(content).hexdigest()
    path = f"/datasets/{REPOSITORY}/resolve/{REVISION}/hotpotqa/dev.jsonl"
    server.files |= {path: content, "/": b""}
    server.headers[path] = {"ETag": f'"{sha256}"', "X-Repo-Commit": REVISION}
    environment = {
        **os.environ,
        "HF_ENDPOINT": server.url,
        "HF_HUB_OFFLINE": "0",
        "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_DISABLE_XET": "1",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    script = SCRIPT.format(sha256=sha256, cache=str(tmp_path / "cache"))
    for _ in range(2):
        process = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True
        )
        assert process.stdout == f"{content!r}\n", process.stderr
    # The second time it came from the hub's cache.
    assert [each[:2] for each in server.log].count(("GET", path)) == 1
