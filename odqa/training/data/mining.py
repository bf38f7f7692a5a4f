"""Hard negatives: what a sentence encoder finds for training questions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import numpy as np

from odqa.cache import Cache
from odqa.data.trec import write_run
from odqa.training.data.instances import true_negatives
from odqa.training.data.training_data import NQ, Example, Examples, load_examples
from odqa.training.recipes import load_recipe
from odqa.types import Hit, Question

Encode = Callable[[Sequence[str]], np.ndarray]
Search = Callable[[Sequence[Question], int], list[list[Hit]]]


def mine(
    recipe_path: Path,
    out: Path | None = None,
    *,
    checkpoint: str = "embedded:minilm",
    depth: int = 100,
    with_corpus: Collection[str] = ("qed",),
    true_negatives_only: bool = False,
    cache: Cache | None = None,
) -> list[Path]:
    """Search the candidates of all sources of a recipe and write one run file each.

    Questions of the retrieval data are searched in the corpus; those of a reading source in the
    contexts of that source, which look like its gold passages, and in the corpus if asked for.
    The corpus is indexed as by the `sentence` retriever, so a comparison and a mining share its
    vectors, and an interrupted one goes on.

    Args:
        recipe_path: where the data is named.
        out: folder for ``SOURCE.run``, TREC format; default: where the recipe looks for them.
        checkpoint: sentence encoder.
        depth: hits per question.
        with_corpus: reading sources whose questions are searched in the corpus too.
        true_negatives_only: leave out the gold passage and what holds an accepted answer. Training
            filters anyway; this is for other uses of the files.
        cache: where the vectors of the corpus are kept; default: the usual one.

    Returns:
        The files written.

    Raises:
        SpecError, DataError: recipe or data are wrong.
        CheckpointError: the encoder cannot be loaded.
    """
    from odqa.data.corpora import open_corpus
    from odqa.encoders.text import TextEncoder
    from odqa.retrievers.sentence import SentenceConfig, SentenceRetriever

    recipe = load_recipe(recipe_path)
    data = recipe.data.model_copy(update={"candidates": [], "teacher": []})
    examples = load_examples(data, recipe.split_seed)
    cache = cache or Cache()
    encoder = TextEncoder(checkpoint)
    encoder.load(cache)
    retriever = SentenceRetriever(SentenceConfig(checkpoint=checkpoint))
    retriever.prepare(open_corpus(str(data.root / data.corpus), cache), cache)
    out = out or recipe.data.mined
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for source in examples.train:
        search = retriever.retrieve if source == NQ or source in with_corpus else None
        run = candidates(examples, source, encoder.encode, depth, search)
        if true_negatives_only:
            run = _filtered(examples, source, run)
        written.append(out / f"{source}.run")
        write_run(written[-1], run, checkpoint)
    return written


def candidates(
    examples: Examples, source: str, encode: Encode, depth: int, search: Search | None
) -> dict[str, list[Hit]]:
    """Nearest passages of every question of a source, by inner product, exact.

    Args:
        examples: questions and passages.
        source: one of ``examples.train``.
        encode: texts -> float32 [n, dim]; for the contexts of a reading source.
        depth: hits per question.
        search: finds passages of the corpus, by the same vectors; none: only the contexts.
    """
    asked = _asked(examples, source)
    found: dict[str, list[Hit]] = {example.question.id: [] for example in asked}
    ids = [] if source == NQ else sorted({example.gold for example in asked})
    passages = encode([examples.passages[pid].full_text for pid in ids]) if ids else None
    for start in range(0, len(asked), 256):
        questions = [example.question for example in asked[start : start + 256]]
        if passages is not None:
            scores = encode([question.text for question in questions]) @ passages.T
            best = np.argsort(-scores, axis=1, kind="stable")[:, :depth]
            for row, question in enumerate(questions):
                found[question.id] = [Hit(ids[i], float(scores[row, i])) for i in best[row]]
        if search is not None:
            for question, hits in zip(questions, search(questions, depth), strict=True):
                both = sorted([*found[question.id], *hits], key=lambda hit: -hit.score)
                found[question.id] = both[:depth]
    return found


def _filtered(examples: Examples, source: str, run: dict[str, list[Hit]]) -> dict[str, list[Hit]]:
    kept: dict[str, list[Hit]] = {}
    for example in _asked(examples, source):
        hits = run[example.question.id]
        right = set(true_negatives(examples, example, hits))
        kept[example.question.id] = [hit for hit in hits if hit.passage_id in right]
    return kept


def _asked(examples: Examples, source: str) -> list[Example]:
    held_out = examples.held_out if source == NQ else []
    return [*examples.train[source], *held_out]
