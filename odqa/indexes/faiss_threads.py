"""The one place that imports FAISS, so that its threads are set the same way everywhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from odqa.threads import wait_asleep


def load_faiss() -> Any:
    """FAISS with as many threads as this process may use.

    FAISS counts all cores of the machine, also those that a container or ``taskset`` withholds;
    too many threads make it slower by an order of magnitude. ``OMP_NUM_THREADS`` is obeyed.
    """
    wait_asleep()
    import faiss

    faiss.omp_set_num_threads(_threads())
    return faiss


@contextmanager
def one_thread() -> Iterator[None]:
    """A single FAISS thread: graph building is deterministic only so."""
    faiss = load_faiss()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(_threads())


def _threads() -> int:
    wish = os.environ.get("OMP_NUM_THREADS", "")
    if wish.isdecimal() and int(wish) > 0:
        return int(wish)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
