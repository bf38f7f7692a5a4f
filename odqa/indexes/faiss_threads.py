"""The only module that imports FAISS, so that its threads are always set up."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from odqa.threads import wait_asleep

# From this many queries on matrix products were faster, measured for 240 to 100,000 vectors, 64 to
# 768 wide, on one and two threads; except for a few thousand vectors, which take a millisecond.
_MIN_QUERIES = 16
_PRODUCTS = Lock()


def load_faiss() -> Any:
    """FAISS with as many threads as this process may use.

    FAISS counts all cores of the machine, even those that a container or ``taskset`` forbids; too
    many threads make it slower by an order of magnitude. ``OMP_NUM_THREADS`` is respected.
    """
    wait_asleep()
    import faiss

    faiss.omp_set_num_threads(_threads())
    return faiss


@contextmanager
def one_thread() -> Iterator[None]:
    """A single FAISS thread: only then is graph building deterministic."""
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
    older ones from 20 queries on. For few queries it is slower, so nothing changes for them.
    """
    if queries < _MIN_QUERIES:
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
    setting = os.environ.get("OMP_NUM_THREADS", "")
    if setting.isdecimal() and int(setting) > 0:
        return int(setting)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
