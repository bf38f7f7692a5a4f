"""Names and paths -> a `Dataset`."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from glob import escape
from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field

from odqa.bounds import PathText
from odqa.cache import Cache
from odqa.data import beir, dpr_questions, hub, nq_open
from odqa.data.corpora import open_corpus
from odqa.data.corpus import Corpus
from odqa.data.dataset import Dataset
from odqa.data.embedded import EMBEDDED
from odqa.data.judged import check_passages, of_questions, shared_ids
from odqa.data.named.entries import NamedFile, find_corpus, find_questions, set_names
from odqa.data.named.locate import locate, warn_of_namesake
from odqa.data.origin import Origin
from odqa.data.paths import is_file, is_folder, path_from
from odqa.data.qrels import Qrels, read_qrels
from odqa.data.questions import QuestionSet, put_together
from odqa.data.supporting import with_titles_to_find
from odqa.errors import DataError
from odqa.interfaces import ComponentConfig
from odqa.package_files import checked
from odqa.suggest import did_you_mean
from odqa.types import Matching

_LOG = logging.getLogger(__name__)

#: Korean has spaces, but attaches particles to its words.
_HANGUL = re.compile("[\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3]")
#: What ``FOLDER/SPLIT`` looks for, in this order.
_CORPUS_FILES = ("passages.tsv", "passages.tsv.gz", "corpus.jsonl", "corpus.jsonl.gz")
_QUESTION_ENDINGS = (".jsonl", ".jsonl.gz", ".json")


#: Name of one of several question sets.
SetName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,49}$")]


class DataConfig(ComponentConfig):
    """Where corpus, questions and qrels come from; paths are relative to the spec's folder."""

    corpus: PathText | None = Field(
        default=None,
        description="embedded, a name (wiki18-100w), a DPR .tsv(.gz), a BEIR folder, a .jsonl(.gz) "
        "of passages, or hf:owner/name:split; none for pipelines without a retriever.",
    )
    questions: PathText | dict[SetName, PathText] = Field(
        description="embedded, a name (nq-open, triviaqa:dev; odqa data lists them), a .jsonl "
        "(NQ-open, FlashRAG, KILT, PopQA, TriviaQA), a DPR .csv or .json, SQuAD's .json, a split "
        "of the BEIR folder, or hf:owner/name:split; several sets: {nq: nq.jsonl, popqa: popqa}."
    )
    qrels: PathText | dict[SetName, PathText] | None = Field(
        default=None,
        description="TREC qrels file, or one for each of several sets; BEIR folders bring their "
        "own.",
    )
    matching: Matching = Field(
        default="tokens",
        description="How accepted answers are read: tokens (texts, found token by token as DPR "
        "does) or regex (regular expressions, as in CuratedTREC).",
    )
    ignore_identical_ids: bool | None = Field(
        default=None,
        description="Score rankings without the hit that has the id of its question, as BEIR does; "
        "by default for the splits of BEIR folders.",
    )
    take: int | None = Field(
        default=None, ge=1, description="Use only this many questions (of each set)."
    )
    seed: int | None = Field(
        default=None,
        description="Draw them at random with this seed; without it the first are taken.",
    )

    @classmethod
    def from_name(cls, name: str) -> Self:
        """The data of a short name: ``embedded``, a question set by name, or ``FOLDER/SPLIT``.

        A question set has no corpus. A name (``triviaqa``, ``triviaqa:dev``) counts before files of
        that name, which ``./triviaqa`` means.

        A folder holds ``passages.tsv(.gz)`` or ``corpus.jsonl(.gz)`` and files whose stem is or
        ends in the split (``nq-dev.jsonl``, ``nq-dev.qrels``), or has BEIR's layout.

        Raises:
            DataError: no such dataset.
        """
        if name == "embedded":
            return cls(corpus="embedded", questions="embedded")
        if (named := find_questions(name)) is not None:
            return cls(questions=name, matching=named.matching)
        if find_corpus(name) is not None:
            raise DataError(
                f"{name} is a corpus without questions",
                where="--data",
                cure=f"name a question set, with --corpus {name}",
            )
        if hub.parse_ref(name) is not None:
            raise DataError(
                f"{name} brings questions but no corpus",
                where="--data",
                cure="pass a benchmark spec with data.corpus and data.questions",
            )
        folder, split = Path(name).parent, Path(name).name
        if beir.is_beir(folder):
            return cls(corpus=str(folder), questions=split)
        corpus = _first(folder, _CORPUS_FILES)
        endings = [name for end in _QUESTION_ENDINGS for name in _endings(folder, split, end)]
        questions = _first(folder, endings)
        if corpus is None or questions is None:
            raise DataError(
                f"no dataset '{name}'",
                where="--data",
                cure="pass embedded, a benchmark spec, a name that odqa data lists, or "
                "FOLDER/SPLIT with passages.tsv(.gz) or corpus.jsonl(.gz), and *SPLIT.jsonl or "
                "*SPLIT.json, in FOLDER",
            )
        qrels = _first(folder, _endings(folder, split, ".qrels"))
        return cls(corpus=corpus, questions=questions, qrels=qrels)


def _of_text(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        named = find_questions(value)
    except DataError as error:
        raise ValueError(str(error)) from None
    if named is None:
        cure = did_you_mean(value, set_names())
        raise ValueError(f"expected keys, or the name of a question set ({cure})")
    return DataConfig(questions=value, matching=named.matching)


#: The data of a benchmark: keys, or the name of a question set.
DataKeys = Annotated[
    DataConfig, BeforeValidator(_of_text, json_schema_input_type=DataConfig | PathText)
]


def load_dataset(config: DataConfig, cache: Cache, base: Path = Path()) -> Dataset:
    """Load what a config names; a corpus file is converted once into the cache.

    Args:
        base: the spec's folder, from which relative paths start.

    Raises:
        DataError: anything wrong with the files, with file and line. EnvironmentProblem: the hub
            cannot be reached. CacheError: the cache cannot be written.
    """
    if config.corpus is not None and (named := find_corpus(config.corpus)) is not None:
        # A corpus that is not here is refused before anything is fetched.
        locate(named, cache)
    # Small files first: their errors are reported before a corpus is converted.
    questions, qrels = _questions(config, base, cache)
    judged = f"qrels {config.qrels or f'of {config.questions}'}"
    if config.matching == "regex":
        _warn_of_broken_patterns(questions)
    else:
        _warn_of_korean(questions)
    corpus = Corpus.empty() if config.corpus is None else open_corpus(config.corpus, cache, base)
    if qrels is not None and config.corpus is not None:
        check_passages(qrels, corpus, judged, config.corpus)
    questions = with_titles_to_find(questions, corpus) if qrels is None else questions
    dataset = Dataset(
        questions.name,
        corpus,
        questions,
        qrels,
        config.matching,
        ignore_identical_ids=_ignores_identical_ids(config, base, questions, corpus),
        named=_provenance(config, cache),
    )
    if config.take is not None:
        dataset = dataset.take(config.take, config.seed)
    return replace(dataset, origin=Origin(config.model_dump(mode="json"), str(base.resolve())))


def reopen(origin: Origin, cache: Cache) -> Dataset:
    """The dataset of an `Origin`, cut as it was.

    Raises:
        DataError, EnvironmentProblem, CacheError: as `load_dataset`.
    """
    # Runs of version 0.1.0 counted every hit.
    keys = {"ignore_identical_ids": False, **origin.config}
    config = DataConfig.model_validate_json(json.dumps(keys))
    dataset = load_dataset(config, cache, Path(origin.folder))
    for n, seed in origin.takes:
        dataset = dataset.take(n, seed)
    return dataset


def _questions(config: DataConfig, base: Path, cache: Cache) -> tuple[QuestionSet, Qrels | None]:
    """The questions, of one set or several, and their judgements."""
    refs, files = config.questions, config.qrels
    if isinstance(refs, str):
        if isinstance(files, Mapping):
            raise DataError(
                "qrels of several sets, and there is one",
                where="data.qrels",
                cure="name the sets in data.questions too",
            )
        return _judged_set(config, base, cache, refs, files)
    if isinstance(files, str):
        raise DataError(
            "one file of judgements, and there are several sets",
            where="data.qrels",
            cure="name the file of each set: {NAME: FILE}",
        )
    if unknown := [name for name in files or () if name not in refs]:
        cure = did_you_mean(unknown[0], refs)
        raise DataError(f"no set is named '{unknown[0]}'", where="data.qrels", cure=cure)
    sets = {
        name: _judged_set(config, base, cache, ref, (files or {}).get(name))
        for name, ref in refs.items()
    }
    questions = put_together({name: part for name, (part, _) in sets.items()})
    old = [(name, question.id) for name, (part, _) in sets.items() for question in part]
    new_ids = dict(zip(old, (question.id for question in questions), strict=True))
    qrels = {
        new_ids[name, key]: grades
        for name, (_, judged) in sets.items()
        for key, grades in (judged or {}).items()
    }
    return questions, qrels or None


def _judged_set(
    config: DataConfig, base: Path, cache: Cache, ref: str, file: str | None
) -> tuple[QuestionSet, Qrels | None]:
    """One set with the judgements of a file, else those that it brings."""
    questions, qrels = _question_set(config, base, cache, ref, is_judged=file is not None)
    if file is not None:
        qrels = read_qrels(path_from(base, file))
    if qrels is not None:
        qrels = of_questions(qrels, questions, f"qrels {file or f'of {ref}'}", ref)
    return questions, qrels


def _question_set(
    config: DataConfig, base: Path, cache: Cache, ref: str, *, is_judged: bool
) -> tuple[QuestionSet, Qrels | None]:
    if ref == "embedded":
        # The judgements are of the embedded passages.
        use_qrels = config.corpus == "embedded" and not is_judged
        questions = nq_open.read_questions(checked(EMBEDDED / "questions.jsonl"))
        qrels = read_qrels(checked(EMBEDDED / "questions.qrels")) if use_qrels else None
        return QuestionSet("embedded", questions.questions), qrels
    if (named := find_questions(ref)) is not None and named.file is not None:
        return _named_set(config, base, cache, named, ref), None
    if (place := hub.parse_ref(ref)) is not None:
        return hub.read_questions(place), None
    path = path_from(base, ref)
    if (folder := _beir_folder(config, base, ref)) is not None:
        return beir.read_split(folder, ref)
    if not path.suffix and not is_file(path):
        raise DataError(
            f"no such file or name '{ref}'",
            where="data.questions",
            cure=did_you_mean(ref, ["embedded", *set_names()]),
        )
    return _read(path), None


def _read(path: Path) -> QuestionSet:
    """The questions of a file, by its endings."""
    endings = path.suffixes[-2:]
    if ".json" in endings:
        return dpr_questions.read_dpr_json(path)
    if ".csv" in endings or ".tsv" in endings:
        return dpr_questions.read_qa_csv(path)
    return nq_open.read_questions(path)


def _named_set(
    config: DataConfig, base: Path, cache: Cache, named: NamedFile, ref: str
) -> QuestionSet:
    """A question set by name; its own name, so that reports say what it is."""
    if named.matching != config.matching:
        raise DataError(
            "its accepted answers are regular expressions",
            where=f"data.questions {ref}",
            cure="add matching: regex to the data",
        )
    warn_of_namesake(ref, base)
    questions = _read(locate(named, cache).path)
    if len(questions) != named.size:
        message = "%s: %d questions, and its publisher says %d"
        _LOG.warning(message, named, len(questions), named.size)
    return QuestionSet(str(named).replace(":", "-"), questions.questions)


def _provenance(config: DataConfig, cache: Cache) -> tuple[dict[str, str | None], ...]:
    """Where what has a name came from, corpus first."""
    refs = [config.questions] if isinstance(config.questions, str) else config.questions.values()
    corpus = None if config.corpus is None else find_corpus(config.corpus)
    files = [corpus, *map(find_questions, refs)]
    return tuple(locate(n, cache).provenance() for n in files if n is not None and n.file)


def _ignores_identical_ids(
    config: DataConfig, base: Path, questions: QuestionSet, corpus: Corpus
) -> bool:
    """Whether hits with the id of their question are left out when rankings are scored."""
    refs = [config.questions] if isinstance(config.questions, str) else config.questions.values()
    is_beir = any(_beir_folder(config, base, ref) is not None for ref in refs)
    by_rule = config.ignore_identical_ids is None and is_beir
    if not (by_rule or config.ignore_identical_ids):
        return False
    # Where no id is shared there is nothing to leave out, and the digest stays what it was.
    shared = shared_ids(questions, corpus)
    if shared and by_rule:
        _LOG.warning(
            "data %s: %d questions have the id of a passage; by BEIR's rule it does not count as "
            "their hit (data.ignore_identical_ids: false counts it)",
            questions.name,
            shared,
        )
    return shared > 0


def _beir_folder(config: DataConfig, base: Path, ref: str) -> Path | None:
    """The corpus, if it is a BEIR folder and the questions are one of its splits."""
    if config.corpus is None:
        return None
    folder = path_from(base, config.corpus)
    is_split = not is_file(path_from(base, ref))
    return folder if is_split and beir.is_beir(folder) else None


def _warn_of_broken_patterns(questions: QuestionSet) -> None:
    # DPR's scorer ignores them silently: the question can then never count as answered.
    broken = {q.id: a for q in questions for a in q.answers if not _compiles(a)}
    if broken:
        question_id, answer = next(iter(broken.items()))
        message = (
            "%d questions have an answer that is no regular expression and will match nothing: "
        )
        _LOG.warning(message + "'%s' of question '%s'", len(broken), answer, question_id)


def _warn_of_korean(questions: QuestionSet) -> None:
    n = sum(any(map(_HANGUL.search, question.answers)) for question in questions)
    if n:
        _LOG.warning(
            "%s: questions with answers in Korean: %d; has_answer and what follows from it "
            "(oracle, lost by) look for whole words, as DPR does, and miss one with a particle "
            "attached",
            questions.name,
            n,
        )


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return False
    return True


def _first(folder: Path, names: Iterable[str]) -> str | None:
    return next((str(folder / name) for name in names if is_file(folder / name)), None)


def _endings(folder: Path, split: str, suffix: str) -> list[str]:
    """``SPLIT.jsonl``, else the one file that ends in ``-SPLIT.jsonl``."""
    names = folder.glob(f"*-{escape(split)}{suffix}") if is_folder(folder) else ()
    near = sorted(path.name for path in names)
    return [f"{split}{suffix}", *(near if len(near) == 1 else [])]
