"""Names and paths -> a `Dataset`."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Self

from pydantic import Field

from odqa.cache import Cache
from odqa.data import beir, dpr_questions, hub, nq_open
from odqa.data.corpora import open_corpus
from odqa.data.corpus import Corpus
from odqa.data.dataset import Dataset
from odqa.data.embedded import EMBEDDED
from odqa.data.origin import Origin
from odqa.data.qrels import Qrels, read_qrels
from odqa.data.questions import QuestionSet
from odqa.errors import DataError
from odqa.interfaces import ComponentConfig
from odqa.package_files import checked
from odqa.suggest import did_you_mean
from odqa.types import Matching

_LOG = logging.getLogger(__name__)


class DataConfig(ComponentConfig):
    """Where corpus, questions and qrels come from; paths are relative to the spec's folder."""

    corpus: str | None = Field(
        default=None,
        description="embedded, a DPR .tsv(.gz), a BEIR folder, or hf:owner/name:split; none for "
        "pipelines without a retriever.",
    )
    questions: str = Field(
        description="embedded, nq-open, an NQ-open .jsonl, a DPR .csv or .json, "
        "a split of the BEIR folder, or hf:owner/name:split."
    )
    qrels: str | None = Field(
        default=None, description="TREC qrels file; BEIR folders bring their own."
    )
    matching: Matching = Field(
        default="tokens",
        description="How accepted answers are read: tokens (texts, found token by token as DPR "
        "does) or regex (regular expressions, as in CuratedTREC).",
    )
    take: int | None = Field(default=None, ge=1, description="Use only this many questions.")
    seed: int | None = Field(
        default=None,
        description="Draw them at random with this seed; without it the first are taken.",
    )

    @classmethod
    def from_name(cls, name: str) -> Self:
        """The data of a short name: ``embedded``, or ``FOLDER/SPLIT``.

        A folder holds ``passages.tsv(.gz)`` and files whose stem is or ends in the split
        (``nq-dev.jsonl``, ``nq-dev.qrels``), or has BEIR's layout.

        Raises:
            DataError: no such dataset.
        """
        if name == "embedded":
            return cls(corpus="embedded", questions="embedded")
        if hub.parse_ref(name) is not None:
            raise DataError(
                f"{name} brings questions but no corpus",
                where="--data",
                cure="pass a benchmark spec with data.corpus and data.questions",
            )
        folder, split = Path(name).parent, Path(name).name
        if beir.is_beir(folder):
            return cls(corpus=str(folder), questions=split)
        corpus = _first(folder, ["passages.tsv", "passages.tsv.gz"])
        questions = _first(folder, _endings(folder, split, ".jsonl"))
        if corpus is None or questions is None:
            raise DataError(
                f"no dataset '{name}'",
                where="--data",
                cure="pass embedded, a benchmark spec, or FOLDER/SPLIT with passages.tsv(.gz) "
                "and *SPLIT.jsonl in FOLDER",
            )
        qrels = _first(folder, _endings(folder, split, ".qrels"))
        return cls(corpus=corpus, questions=questions, qrels=qrels)


def load_dataset(config: DataConfig, cache: Cache, base: Path = Path()) -> Dataset:
    """Load what a config names; a corpus file is converted once into the cache.

    Args:
        base: the spec's folder, from which relative paths start.

    Raises:
        DataError: anything wrong with the files, with file and line. EnvironmentProblem: the hub
            cannot be reached. CacheError: the cache cannot be written.
    """
    # Small files first: their errors are reported before a corpus is converted.
    questions, qrels = _questions(config, base)
    if config.qrels is not None:
        qrels = read_qrels(base / Path(config.qrels).expanduser())
    if qrels is not None:
        qrels = _of_questions(qrels, questions, config)
    if config.matching == "regex":
        _warn_of_broken_patterns(questions)
    corpus = Corpus.empty() if config.corpus is None else open_corpus(config.corpus, cache, base)
    if qrels is not None and config.corpus is not None:
        _refuse_unknown_passages(qrels, corpus, config)
    dataset = Dataset(questions.name, corpus, questions, qrels, config.matching)
    if config.take is not None:
        dataset = dataset.take(config.take, config.seed)
    return replace(dataset, origin=Origin(config.model_dump(mode="json"), str(base.resolve())))


def reopen(origin: Origin, cache: Cache) -> Dataset:
    """The dataset of an `Origin`, cut as it was.

    Raises:
        DataError, EnvironmentProblem, CacheError: as `load_dataset`.
    """
    config = DataConfig.model_validate_json(json.dumps(dict(origin.config)))
    dataset = load_dataset(config, cache, Path(origin.folder))
    for n, seed in origin.takes:
        dataset = dataset.take(n, seed)
    return dataset


def _questions(config: DataConfig, base: Path) -> tuple[QuestionSet, Qrels | None]:
    ref = config.questions
    if ref == "embedded":
        # The judgements are of the embedded passages.
        use_qrels = config.corpus == "embedded" and config.qrels is None
        questions = nq_open.read_questions(checked(EMBEDDED / "questions.jsonl"))
        qrels = read_qrels(checked(EMBEDDED / "questions.qrels")) if use_qrels else None
        return QuestionSet("embedded", questions.questions), qrels
    if (place := hub.parse_ref(ref)) is not None:
        return hub.read_questions(place), None
    path = base / Path(ref).expanduser()
    folder = None if config.corpus is None else base / Path(config.corpus).expanduser()
    if folder is not None and beir.is_beir(folder) and not path.is_file():
        return beir.read_split(folder, ref)
    if not path.suffix and not path.exists():
        raise DataError(
            f"no such file or name '{ref}'",
            where="data.questions",
            cure=did_you_mean(ref, ["embedded", "nq-open"]),
        )
    endings = path.suffixes[-2:]
    if ".json" in endings:
        return dpr_questions.read_dpr_json(path), None
    if ".csv" in endings or ".tsv" in endings:
        return dpr_questions.read_qa_csv(path), None
    return nq_open.read_questions(path), None


def _of_questions(qrels: Qrels, questions: QuestionSet, config: DataConfig) -> Qrels:
    used_qrels = {q.id: qrels[q.id] for q in questions if q.id in qrels}
    where = f"qrels {config.qrels or 'of ' + config.questions}"
    if not used_qrels:
        raise DataError(
            f"none of its {len(qrels)} questions is in {config.questions}",
            where=where,
            cure="check that both files belong together",
        )
    if extra := len(qrels) - len(used_qrels):
        _LOG.warning("%s: %d judged questions are not in %s", where, extra, config.questions)
    return used_qrels


def _refuse_unknown_passages(qrels: Qrels, corpus: Corpus, config: DataConfig) -> None:
    judged = {passage: question for question, grades in qrels.items() for passage in grades}
    rows = corpus.find(list(judged))
    unknown = [passage for passage, row in zip(judged, rows, strict=True) if row is None]
    if unknown:
        raise DataError(
            f"{len(unknown)} judged passages are not in the corpus {config.corpus}, "
            f"the first is '{unknown[0]}' of question '{judged[unknown[0]]}'",
            where=f"qrels {config.qrels or 'of ' + config.questions}",
            cure="check that both files belong together",
        )


def _warn_of_broken_patterns(questions: QuestionSet) -> None:
    # DPR's scorer ignores them silently: the question can then never count as answered.
    broken = {q.id: a for q in questions for a in q.answers if not _compiles(a)}
    if broken:
        question_id, answer = next(iter(broken.items()))
        message = (
            "%d questions have an answer that is no regular expression and will match nothing: "
        )
        _LOG.warning(message + "'%s' of question '%s'", len(broken), answer, question_id)


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return False
    return True


def _first(folder: Path, names: Iterable[str]) -> str | None:
    return next((str(folder / name) for name in names if (folder / name).is_file()), None)


def _endings(folder: Path, split: str, suffix: str) -> list[str]:
    """``SPLIT.jsonl``, else the one file that ends in ``-SPLIT.jsonl``."""
    near = sorted(path.name for path in folder.glob(f"*-{split}{suffix}"))
    return [f"{split}{suffix}", *(near if len(near) == 1 else [])]
