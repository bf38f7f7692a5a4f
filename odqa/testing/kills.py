"""Kill a piece of work at a chosen write, as the power or a scheduler might."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

_EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "shutil.rmtree"}


def killed_at(number: int, folder: Path, work: Callable[[], object]) -> bool:
    """Do work in a forked child that gets SIGKILL before its n-th write to a folder.

    A forked child has none of the threads that its parent computes with, so torch has to be set to
    one thread before.

    Args:
        number: from 1.
        folder: writes beneath it count: files opened for writing, removed and renamed ones.

    Returns:
        Whether it was killed; otherwise it has ended, with fewer writes.

    Raises:
        RuntimeError: the work failed by itself.
    """
    pid = os.fork()
    if pid == 0:
        _work(number, str(folder.absolute()), work)
    status = os.waitpid(pid, 0)[1]
    if status not in (0, signal.SIGKILL):
        raise RuntimeError(f"the work in a child failed by itself, status {status}")
    return status == signal.SIGKILL


def killed_after(seconds: float, work: Callable[[], object]) -> bool:
    """Do work in a forked child that dies once it has used so much processor time.

    Processor time, since the same moment of the work comes at the same one on a busy machine. The
    signal is SIGPROF, which nobody handles: like SIGKILL it leaves no time for anything.

    Returns:
        Whether it was killed; otherwise it has ended before.

    Raises:
        RuntimeError: the work failed by itself.
    """
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, max(seconds, 1e-6))
        _work(0, "/", work)
    status = os.waitpid(pid, 0)[1]
    if status not in (0, signal.SIGPROF):
        raise RuntimeError(f"the work in a child failed by itself, status {status}")
    return status == signal.SIGPROF


def count_writes(folder: Path, work: Callable[[], object]) -> int:
    """How many writes to a folder some work does, in a child: the numbers for `killed_at`.

    Raises:
        RuntimeError: the work failed by itself.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        _work(0, str(folder.absolute()), work, writing)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        count = pipe.read()
    if status := os.waitpid(pid, 0)[1]:
        raise RuntimeError(f"the work in a child failed by itself, status {status}")
    return int(count)


def _work(number: int, folder: str, work: Callable[[], object], tell: int | None = None) -> None:
    code = 1
    try:
        count = 0

        def hook(event: str, args: tuple[Any, ...]) -> None:
            nonlocal count
            if event in _EVENTS and _is_write(event, args) and _path(args[0]).startswith(folder):
                count += 1
                if count == number:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        work()
        if tell is not None:
            os.write(tell, str(count).encode())
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _is_write(event: str, args: tuple[Any, ...]) -> bool:
    return event != "open" or bool(args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def _path(value: object) -> str:
    is_path = isinstance(value, str | bytes | os.PathLike)
    return os.path.abspath(os.fsdecode(value)) if is_path else ""  # type: ignore[arg-type]  # noqa: PTH100
