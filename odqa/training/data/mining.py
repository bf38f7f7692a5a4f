"""Mining hard negatives: what a sentence encoder, or BM25, finds for training questions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from odqa.cache import Cache
from odqa.data.trec import write_run
from odqa.interfaces import Precision
from odqa.training.data.hard_negatives import filter_false_negatives
from odqa.training.data.labelled_question import LabelledQuestion
from odqa.training.data.training_data import NQ, TrainingData, load_training_data
from odqa.training.load_recipe import load_recipe
from odqa.types import Hit, Question

if TYPE_CHECKING:
    from odqa.data.corpus import Corpus

#: Texts -> float32 [n, dim].
Encode = Callable[[Sequence[str]], np.ndarray]
#: Questions and a depth -> hits of each.
Search = Callable[[Sequence[Question], int], list[list[Hit]]]
#: Ids of contexts -> the search among them.
SearchAmong = Callable[[Sequence[str]], Search]
Miner = Literal["sentence", "bm25"]

_QUESTIONS_PER_BATCH = 256


def mine_hard_negatives(
    recipe_path: Path,
    out: Path | None = None,
    *,
    retriever: Miner = "sentence",
    checkpoint: str = "embedded:minilm",
    depth: int = 100,
    with_corpus: Collection[str] = ("qed",),
    true_negatives_only: bool = False,
    precision: Precision = "auto",
    cache: Cache | None = None,
) -> list[Path]:
    """Search the candidates of all sources of a recipe and write one run file each.

    Questions of the retrieval data are searched in the corpus; those of a reading source in the
    contexts of that source, which look like its gold passages, and in the corpus if asked for.
    The corpus is indexed as by the retriever of that name, so a comparison and a mining share its
    index, and an interrupted one goes on.

    Args:
        recipe_path: where the data is named.
        out: folder for ``SOURCE.run``, TREC format; default: where the recipe looks for them.
        retriever: what searches; BM25's negatives suit a ranker that reorders BM25's hits.
        checkpoint: sentence encoder; BM25 has none.
        depth: hits per question.
        with_corpus: reading sources whose questions are searched in the corpus too.
        true_negatives_only: leave out the gold passage and what holds an accepted answer. Training
            filters anyway; this is for other uses of the files.
        precision: of the encoder's products; bfloat16 is several times faster where the processor
            has instructions for it.
        cache: where the index of the corpus is kept; default: the usual one.

    Returns:
        The files written.

    Raises:
        SpecError, DataError: recipe or data are wrong.
        CheckpointError: the encoder cannot be loaded.
    """
    from odqa.data.corpora import open_corpus

    recipe = load_recipe(recipe_path)
    # Nothing is set apart: what is mined serves every fold.
    whole: dict[str, object] = {"folds": None, "fold": None, "held_out": 0, "validation": {}}
    part = recipe.data.model_copy(update={"candidates": [], "teacher": [], **whole})
    data = load_training_data(part, recipe.split_seed)
    cache = cache or Cache()
    corpus = open_corpus(str(part.root / part.corpus), cache)
    find = _by_bm25 if retriever == "bm25" else _by_vectors
    in_corpus, among = find(data, corpus, checkpoint, precision, cache)
    out = out or part.mined
    out.mkdir(parents=True, exist_ok=True)
    paths = []
    for source in data.train:
        search = in_corpus if source == NQ or source in with_corpus else None
        run = search_candidates(data, source, among, depth, search)
        if true_negatives_only:
            run = _without_false_negatives(data, source, run)
        paths.append(out / f"{source}.run")
        write_run(paths[-1], run, "bm25" if retriever == "bm25" else checkpoint)
    return paths


def _by_vectors(
    data: TrainingData, corpus: Corpus, checkpoint: str, precision: Precision, cache: Cache
) -> tuple[Search, SearchAmong]:
    from odqa.encoders.text import TextEncoder
    from odqa.retrievers.sentence import SentenceConfig, SentenceRetriever

    encoder = TextEncoder(checkpoint, precision=precision)
    encoder.load(cache)
    retriever = SentenceRetriever(SentenceConfig(checkpoint=checkpoint, precision=precision))
    retriever.prepare(corpus, cache)
    return retriever.retrieve, among_vectors(data, encoder.encode)


def _by_bm25(
    data: TrainingData, corpus: Corpus, _checkpoint: str, _precision: Precision, cache: Cache
) -> tuple[Search, SearchAmong]:
    from odqa.data.corpus import Corpus
    from odqa.retrievers.bm25 import Bm25Config, Bm25Retriever

    def prepared(passages: Corpus) -> Search:
        retriever = Bm25Retriever(Bm25Config())
        retriever.prepare(passages, cache)
        return retriever.retrieve

    def among(ids: Sequence[str]) -> Search:
        return prepared(Corpus.from_passages([data.passages[pid] for pid in ids], "contexts"))

    return prepared(corpus), among


def among_vectors(data: TrainingData, encode: Encode) -> SearchAmong:
    """Exact search among contexts by inner product."""

    def among(ids: Sequence[str]) -> Search:
        contexts = encode([data.passages[pid].full_text for pid in ids])

        def search(questions: Sequence[Question], depth: int) -> list[list[Hit]]:
            scores = encode([question.text for question in questions]) @ contexts.T
            best = np.argsort(-scores, axis=1, kind="stable")[:, :depth]
            return [
                [Hit(ids[i], float(row[i])) for i in order]
                for row, order in zip(scores, best, strict=True)
            ]

        return search

    return among


def search_candidates(
    data: TrainingData, source: str, among: SearchAmong, depth: int, search: Search | None
) -> dict[str, list[Hit]]:
    """The best passages for every question of a source.

    Args:
        data: questions and passages.
        source: one of ``data.train``.
        among: makes the search among the contexts of a reading source.
        depth: hits per question.
        search: finds passages of the corpus, by the same scores; none: only the contexts.
    """
    labelled = _questions_of(data, source)
    run: dict[str, list[Hit]] = {row.question.id: [] for row in labelled}
    ids = [] if source == NQ else sorted({row.gold_id for row in labelled})
    searches = [among(ids)] if ids else []
    if search is not None:
        searches.append(search)
    for start in range(0, len(labelled), _QUESTIONS_PER_BATCH):
        questions = [row.question for row in labelled[start : start + _QUESTIONS_PER_BATCH]]
        for find in searches:
            for question, hits in zip(questions, find(questions, depth), strict=True):
                merged = sorted([*run[question.id], *hits], key=lambda hit: -hit.score)
                run[question.id] = merged[:depth]
    return run


def _without_false_negatives(
    data: TrainingData, source: str, run: dict[str, list[Hit]]
) -> dict[str, list[Hit]]:
    filtered: dict[str, list[Hit]] = {}
    for labelled in _questions_of(data, source):
        hits = run[labelled.question.id]
        negatives = set(filter_false_negatives(data, labelled, hits))
        filtered[labelled.question.id] = [hit for hit in hits if hit.passage_id in negatives]
    return filtered


def _questions_of(data: TrainingData, source: str) -> list[LabelledQuestion]:
    """Training questions of a source, and those of the validation split."""
    return [*data.train[source], *(row for row in data.validation if row.source == source)]
