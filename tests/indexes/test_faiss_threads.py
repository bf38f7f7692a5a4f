from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from odqa.indexes.exact import exact_search
from odqa.indexes.faiss_threads import load_faiss, matrix_products, one_thread


def test_omp_num_threads_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    faiss = load_faiss()
    assert faiss.omp_get_max_threads() == 2
    with one_thread():
        assert faiss.omp_get_max_threads() == 1
    assert faiss.omp_get_max_threads() == 2


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no affinity on this system")
def test_without_a_wish_the_cores_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3})
    assert load_faiss().omp_get_max_threads() == 1


@pytest.mark.parametrize(("queries", "products"), [(1, False), (2, False), (32, True)])
def test_many_queries_are_compared_by_products_and_few_as_before(
    queries: int, products: bool
) -> None:
    options = load_faiss().cvar
    before = options.distance_compute_blas_threshold
    with pytest.raises(KeyError), matrix_products(queries):
        inside = options.distance_compute_blas_threshold
        raise KeyError
    assert inside == (1 if products else before)
    assert options.distance_compute_blas_threshold == before


def test_searches_in_several_threads_leave_the_option_as_it_was() -> None:
    options = load_faiss().cvar
    before = options.distance_compute_blas_threshold
    vectors = np.random.default_rng(0).standard_normal((500, 8)).astype(np.float32)
    with ThreadPoolExecutor(4) as pool:
        results = list(
            pool.map(lambda n: exact_search(vectors[:n], vectors, 3, "ip"), [20, 1] * 50)
        )
    assert len(results) == 100
    assert options.distance_compute_blas_threshold == before
