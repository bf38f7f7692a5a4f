"""A server of files on this machine, and the hub's cache as its client lays it out."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from odqa.cache import Cache


@dataclass
class Server:
    """Files by path; ``breaks_after`` bytes it hangs up once, ``log`` has (method, path, range)."""

    files: dict[str, bytes] = field(default_factory=dict)
    stamp: str = '"1"'
    breaks_after: int | None = None
    log: list[tuple[str, str, str | None]] = field(default_factory=list)
    url: str = ""
    says_length: bool = True
    #: Sent beside: what the hub sends.
    headers: dict[str, dict[str, str]] = field(default_factory=dict)


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._serve(has_body=False)

        def do_GET(self) -> None:
            self._serve(has_body=True)

        def log_message(self, *args: object) -> None:
            pass

        def _serve(self, has_body: bool) -> None:
            asked = self.headers.get("Range")
            state.log.append((self.command, self.path, asked))
            content = state.files.get(self.path)
            if content is None:
                self.send_response(404)
                self.send_header("Content-Length", "0")
                self.send_header("X-Error-Code", "EntryNotFound")
                self.end_headers()
                return
            tag = state.headers.get(self.path, {}).get("ETag", state.stamp)
            is_part = asked is not None and self.headers.get("If-Range") == tag
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and is_part else 0
            self.send_response(206 if is_part else 200)
            if state.says_length:
                self.send_header("Content-Length", str(len(content) - start))
            else:
                self.send_header("Connection", "close")
                self.close_connection = True
            for key, value in ({"ETag": tag} | state.headers.get(self.path, {})).items():
                self.send_header(key, value)
            self.end_headers()
            if not has_body:
                return
            stop = None
            if state.breaks_after is not None:
                stop, state.breaks_after = start + state.breaks_after, None
                self.close_connection = True
            self.wfile.write(content[start:stop])

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, args=(0.05,))
    thread.start()
    yield state
    http.shutdown()
    http.server_close()
    thread.join()


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture(autouse=True)
def no_data_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ODQA_DATA", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture
def in_hub_cache(tmp_path: Path) -> Callable[[str, str, str, bytes], Path]:
    """Puts a file into a cache as the hub's client lays it out; gives the path of the blob."""

    def put(repository: str, revision: str, file: str, content: bytes) -> Path:
        folder = tmp_path / "hub" / f"datasets--{repository.replace('/', '--')}"
        blob = folder / "blobs" / hashlib.sha256(content).hexdigest()
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(content)
        link = folder / "snapshots" / revision / file
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(blob)
        return blob

    return put
