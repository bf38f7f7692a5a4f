"""One side of what was gained without another model: threads that sleep, search, batches."""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from eval.speed.worker import Job, serve
from odqa.api import open_dataset
from odqa.cache import Cache
from odqa.encoders.text import TextEncoder
from odqa.execution.pipeline import Pipeline
from odqa.indexes import exact
from odqa.indexes.exact import exact_search

#: Vectors that are searched, as wide as the embedded encoder's, and hits of each query.
VECTORS, WIDTH, HITS = 50_000, 384, 100
#: Texts per forward pass before; `None` is what suits the device.
FORMER_BATCH = 64


def build(settings: Mapping[str, Any]) -> tuple[Job, Mapping[str, Any]]:
    """``part`` is ``questions``, ``search`` or ``encoding``; ``former`` says which side.

    How threads wait cannot be changed in a running process: whoever starts this one sets it.
    """
    torch.set_num_threads(settings["threads"])
    parts = {"questions": _questions, "search": _search, "encoding": _encoding}
    return parts[settings["part"]](settings), {}


def _questions(settings: Mapping[str, Any]) -> Job:
    """Questions one at a time through a whole pipeline, whose offline work is done before."""
    # Before the pipeline tells threads how to wait: FAISS has an OpenMP of its own.
    importlib.import_module("faiss")
    data = open_dataset("embedded", Cache())
    pipeline = Pipeline.from_spec(settings["pipeline"])
    pipeline.prepare(data.corpus, Cache())
    asked = data.questions.questions[: settings["n"]]
    pipeline.run(asked[:1])

    def job() -> Mapping[str, Any]:
        outputs = [pipeline.run([question]) for question in asked]
        return _digest([[hit.passage_id for hit in each.ranked[0]] for each in outputs])

    return job


def _search(settings: Mapping[str, Any]) -> Job:
    """Exact search for ``n`` queries at once, ``times`` over."""
    if settings["former"]:
        # Refuses a name that is there no more; a plain assignment would time the same side twice.
        patch.object(exact, "matrix_products", lambda _: nullcontext()).start()
    random = np.random.default_rng(0)
    vectors = random.standard_normal((settings.get("vectors", VECTORS), WIDTH), np.float32)
    queries = random.standard_normal((settings["n"], WIDTH), np.float32)
    exact_search(queries[:1], vectors, HITS, "ip")

    def job() -> Mapping[str, Any]:
        for _ in range(settings["times"]):
            _, rows = exact_search(queries, vectors, HITS, "ip")
        return _digest(rows.tolist())

    return job


def _encoding(settings: Mapping[str, Any]) -> Job:
    """Vectors of ``n`` passages; results are the same where each has the same nearest other."""
    data = open_dataset("embedded", Cache())
    texts = [passage.full_text for passage in data.corpus.slice(0, settings["n"])]
    encoder = TextEncoder(
        settings["checkpoint"], batch_size=FORMER_BATCH if settings["former"] else None
    )
    encoder.encode(texts[:1])

    def job() -> Mapping[str, Any]:
        vectors = encoder.encode(texts)
        near = vectors @ vectors.T
        np.fill_diagonal(near, -np.inf)
        return _digest(near.argmax(axis=1).tolist())

    return job


def _digest(found: object) -> dict[str, str]:
    return {"found": hashlib.sha256(json.dumps(found).encode()).hexdigest()}


if __name__ == "__main__":
    serve(build)
