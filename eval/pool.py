"""The passages that matter to a finished run, as a corpus of their own, and its hits as a run file.

Exact search over the pool returns the same best k as over the whole corpus, so that rankers whose
offline side is large (keys and values of every passage) can be compared at a fraction of it::

    odqa run eval/rankers/sentence.yaml --data eval/nq-mini.yaml
    python eval/pool.py runs/nq-dev-DATE-TIME sentence CORPUS.tsv.gz --out build/pool
"""

from __future__ import annotations

import argparse
from pathlib import Path

from odqa.data.dpr_tsv import read_passages, write_passages
from odqa.data.qrels import read_qrels, write_qrels
from odqa.data.trec import read_run, write_run
from odqa.errors import OdqaError
from odqa.types import Hit


def pooled(run: dict[str, list[Hit]], qrels: dict[str, dict[str, int]]) -> set[str]:
    """Ids of the passages that a run or its judgements name."""
    found = {hit.passage_id for hits in run.values() for hit in hits}
    return found | {passage for judged in qrels.values() for passage in judged}


def main() -> None:
    """Write ``passages.tsv``, in the order of the corpus, ``first-stage.run``, ``gold.qrels``."""
    words = argparse.ArgumentParser(description="What a finished run found, as a corpus.")
    words.add_argument("run", type=Path, help="Folder of a finished run.")
    words.add_argument("pipeline", help="The pipeline whose retriever is taken.")
    words.add_argument("corpus", type=Path, help="The passages it searched, DPR's TSV.")
    words.add_argument("--k", type=int, default=20, help="Best passages per question.")
    words.add_argument("--out", type=Path, required=True, help="Folder to write into.")
    asked = words.parse_args()
    try:
        found = read_run(asked.run / "pipelines" / asked.pipeline / "retrieved.trec")
        best = {question: hits[: asked.k] for question, hits in found.items()}
        gold = read_qrels(asked.run / "gold.qrels")
        wanted = pooled(best, gold)
        kept = [passage for passage in read_passages(asked.corpus) if passage.id in wanted]
        asked.out.mkdir(parents=True, exist_ok=True)
        write_passages(asked.out / "passages.tsv", kept)
        write_run(asked.out / "first-stage.run", best, asked.pipeline)
        write_qrels(asked.out / "gold.qrels", gold)
    except OdqaError as error:
        words.error(str(error))
    print(f"{asked.out}: {len(kept):,} passages, {len(best):,} questions")  # noqa: T201


if __name__ == "__main__":
    main()
