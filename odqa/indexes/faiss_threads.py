"""The one place that imports FAISS, so that it is set up the same way everywhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from odqa.threads import wait_asleep

# Measured for 240 to 100,000 vectors, 64 to 768 wide, on one and two threads: from here on products
# were faster, but for some thousand vectors or fewer, where all is over in a millisecond.
_MANY = 16
_PRODUCTS = Lock()


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


@contextmanager
def matrix_products(queries: int) -> Iterator[None]:
    """Let FAISS compare many queries with all vectors by matrix products, whatever their width.

    Up to four times as fast. FAISS 1.15 does so from 128,000 numbers on (queries times width);
    older ones from 20 queries on. For few queries it takes longer, so they are left to FAISS.
    """
    if queries < _MANY:
        yield
        return
    options = load_faiss().cvar
    # One at a time: another thread must not take the value set here for the one to restore.
    with _PRODUCTS:
        before = options.distance_compute_blas_threshold
        options.distance_compute_blas_threshold = 1
        try:
            yield
        finally:
            options.distance_compute_blas_threshold = before


def _threads() -> int:
    wish = os.environ.get("OMP_NUM_THREADS", "")
    if wish.isdecimal() and int(wish) > 0:
        return int(wish)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
