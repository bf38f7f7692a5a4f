"""Servers that are down, hang, drip, talk rubbish or die: a warning in time, never an error."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from odqa.cli.main import main
from odqa.comparison.folder import save
from odqa.testing.synthetic import synthetic_comparison
from odqa.tracking import log_comparison

#: The deadline in these tests, and how long Python and MLflow may take to load on a busy machine.
SECONDS, LOADING = 1.5, 60.0


@contextmanager
def serving(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server on 127.0.0.1 that does this with every connection, in a thread of its own."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def loop() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        threading.Thread(target=loop, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def hang(connection: socket.socket) -> None:
    time.sleep(LOADING)
    connection.close()


def drip(connection: socket.socket) -> None:
    connection.recv(65536)
    try:
        for letter in b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + b"{" * 900:
            connection.send(bytes([letter]))
            time.sleep(0.2)
    except OSError:
        pass


def rubbish(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<p>hi</p>")
    connection.close()


def cut_off(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{")
    connection.close()


_RUN = {"info": {"run_id": "abc", "run_name": "r", "status": "RUNNING"}, "data": {}}
_ANSWERS: dict[str, Any] = {
    "experiments/get-by-name": {"experiment": {"experiment_id": "1", "lifecycle_stage": "active"}},
    "runs/search": {"runs": []},
    "runs/create": {"run": _RUN},
}


def die_midway(connection: socket.socket) -> None:
    """MLflow's answers until a run is made, and silence from then on."""
    request = connection.recv(65536).decode(errors="replace")
    answer = next((a for path, a in _ANSWERS.items() if path in request.split("\r\n")[0]), None)
    if answer is None:
        return hang(connection)
    body = json.dumps(answer).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
    connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    connection.close()
    return None


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (hang, "warning: not logged to {uri} (not finished after 1.5 s); later: odqa log {run}"),
        (drip, "warning: not logged to {uri} (not finished after 1.5 s); later: odqa log {run}"),
        (
            rubbish,
            "warning: not logged to {uri} (what answers there is no MLflow server); "
            "later: odqa log {run}",
        ),
        (cut_off, "warning: not logged to {uri} ("),
        (
            die_midway,
            "warning: not all logged to {uri}, run abc (not finished after 1.5 s); "
            "later: odqa log {run}",
        ),
    ],
)
def test_no_server_holds_or_fails_a_run(
    answer: Callable[[socket.socket], None],
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ODQA_MLFLOW_SECONDS", str(SECONDS))
    run = tmp_path / "run"
    with serving(answer) as uri:
        outcome = log_comparison(synthetic_comparison(2, 1), run, uri)
    assert not outcome.complete
    assert str(outcome).startswith(text.format(uri=uri, run=run))
    assert "\n" not in str(outcome)


def test_a_server_that_is_down_is_one_line_and_odqa_log_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        uri = f"http://me:secret@127.0.0.1:{free.getsockname()[1]}"
    save(synthetic_comparison(2, 1), tmp_path / "run")
    monkeypatch.setattr(sys, "argv", ["odqa", "log", str(tmp_path / "run"), "--mlflow", uri])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert capsys.readouterr().err == (
        f"odqa: not logged to {uri.replace('secret', '…')} (no server answers there); "
        f"later: odqa log {tmp_path / 'run'}\n"
    )
