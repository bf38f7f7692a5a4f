"""``odqa index``: all offline work of pipelines."""

from __future__ import annotations

import time

from odqa.cli.options import CacheFolder, Corpus, Data, Set, Specs
from odqa.cli.output import echo


def index(
    specs: Specs = None,
    data: Data = "embedded",
    set_: Set = None,
    cache: CacheFolder = None,
    corpus: Corpus = None,
) -> None:
    """Build indexes and stores; interrupted, it goes on where it stopped."""
    from odqa.api import open_dataset, resolve_pipelines
    from odqa.cache import Cache
    from odqa.errors import DataError
    from odqa.execution.components import make_component

    pipelines = resolve_pipelines(specs or (), set_ or ())
    store = Cache(cache)
    dataset = open_dataset(data, store, corpus=corpus)
    if not len(dataset.corpus):
        what = f"{data} has no passages to index"
        raise DataError(what, where="--data", cure="name some: --corpus FILE")
    for spec in pipelines:
        for node in spec.graph.nodes:
            component = make_component(node.stage)
            started, n_resumed = time.perf_counter(), len(store.resumed)
            component.prepare(dataset.corpus, store)
            spent = time.perf_counter() - started
            size = sum(item.bytes for item in component.stored())
            component.close()
            earlier = sum(part.seconds for part in store.resumed[n_resumed:])
            before = f" after {earlier:.1f} s in earlier runs" if earlier else ""
            cost = f"{spent:.1f} s{before}, {size / 1e6:.1f} MB"
            echo(f"{spec.name}: {node.role} {node.id}: {cost}")
