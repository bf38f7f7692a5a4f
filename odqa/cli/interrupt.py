"""Ctrl-C and SIGTERM: an end within seconds, and a line that says how to go on.

Python handles a signal when native code returns, which may take minutes: FAISS building a graph,
Lucene merging an index. So a thread is told of the signal at once, and ends the process when the
main thread has not done so in time. Nothing is lost by that: whatever is stored is stored so that
it survives a kill at any moment.
"""

from __future__ import annotations

import os
import shlex
import signal
import socket
import sys
import threading
import time
from contextlib import suppress

from odqa.cli.output import echo

#: Seconds that a command has to end by itself.
GRACE = 2.0


def end_soon_after_signals() -> None:
    """From now on Ctrl-C and SIGTERM end the process within `GRACE` seconds, a second one at once.

    For the main thread of a command.
    """
    receiving, sending = socket.socketpair()
    sending.setblocking(False)
    signal.set_wakeup_fd(sending.fileno(), warn_on_full_buffer=False)
    # The thread keeps the sockets alive.
    threading.Thread(target=_wait, args=(receiving, sending), daemon=True).start()


def message() -> str:
    """What an interrupted command says: how to go on, where something was finished that is kept."""
    kept = sys.modules.get("odqa.cache.kept")
    if kept is None or not kept.is_something_kept():
        return "interrupted"
    args = sys.argv[1:]
    if args[:1] == ["train"] and "--resume" not in args:
        # A training goes on only where that is asked for.
        args.append("--resume")
    command = shlex.join(["odqa", *args])
    return f"interrupted; what was finished is kept, to go on: {command}"


def _wait(receiving: socket.socket, _sending: socket.socket) -> None:
    number = _next_signal(receiving)
    receiving.settimeout(GRACE)
    with suppress(TimeoutError):
        _next_signal(receiving)
    echo(f"\nodqa: {message()}", err=True)
    kept = sys.modules.get("odqa.cache.kept")
    if kept is not None:
        kept.remove_temporary()
    os._exit(128 + number)


def _next_signal(receiving: socket.socket) -> int:
    """The next SIGINT or SIGTERM; other signals wake the socket up too."""
    end = time.monotonic() + (receiving.gettimeout() or 0.0)
    while True:
        (number,) = receiving.recv(1)
        if number in (signal.SIGINT, signal.SIGTERM):
            return number
        if receiving.gettimeout() is not None:
            receiving.settimeout(max(0.001, end - time.monotonic()))
