"""Servers on 127.0.0.1 that hang, drip, talk rubbish or die, for tests of what depends on servers.

Each function treats one connection; `serving` starts a server of it.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

#: Seconds of silence: longer than any deadline in tests.
_LONG = 300.0


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
    """Accept, and say nothing."""
    time.sleep(_LONG)
    connection.close()


def drip(connection: socket.socket) -> None:
    """Answer at five bytes a second, so that no wait for the next byte is long."""
    connection.recv(65536)
    try:
        for letter in b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + b"{" * 900:
            connection.send(bytes([letter]))
            time.sleep(0.2)
    except OSError:
        pass


def rubbish(connection: socket.socket) -> None:
    """Answer with a page, as a proxy might."""
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<p>hi</p>")
    connection.close()


def cut_off(connection: socket.socket) -> None:
    """End in the middle of an answer."""
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
    """MLflow's answers until a run is made, and none from then on."""
    request = connection.recv(65536).decode(errors="replace")
    answer = next((a for path, a in _ANSWERS.items() if path in request.split("\r\n")[0]), None)
    if answer is not None:
        body = json.dumps(answer).encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
        connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    connection.close()
