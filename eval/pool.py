"""The passages that matter to a set of questions, as a corpus of their own.

Exact search over the pool returns the same best k as over the whole corpus, so that rankers whose
offline side is large (keys and values of every passage) can be compared at a fraction of it::

    python eval/pool.py CORPUS.tsv.gz RUN.trec QRELS --k 20 --out pool.tsv
"""

from __future__ import annotations

import argparse
from pathlib import Path

from odqa.data.dpr_tsv import read_passages, write_passages
from odqa.data.qrels import read_qrels
from odqa.data.trec import read_run
from odqa.errors import OdqaError


def pooled(run: Path, qrels: Path, k: int) -> set[str]:
    """Ids of the best ``k`` passages of every question of a run, and of all judged ones."""
    found = {hit.passage_id for hits in read_run(run).values() for hit in hits[:k]}
    return found | {passage for judged in read_qrels(qrels).values() for passage in judged}


def main() -> None:
    """Write the pool in the order of the corpus."""
    words = argparse.ArgumentParser(description="Passages that a run and qrels name, as a corpus.")
    words.add_argument("corpus", type=Path)
    words.add_argument("run", type=Path)
    words.add_argument("qrels", type=Path)
    words.add_argument("--k", type=int, default=20, help="Best passages per question.")
    words.add_argument("--out", type=Path, required=True)
    asked = words.parse_args()
    try:
        wanted = pooled(asked.run, asked.qrels, asked.k)
        kept = [passage for passage in read_passages(asked.corpus) if passage.id in wanted]
        write_passages(asked.out, kept)
    except OdqaError as error:
        words.error(str(error))
    print(f"{asked.out}: {len(kept):,} passages")  # noqa: T201


if __name__ == "__main__":
    main()
