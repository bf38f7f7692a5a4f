"""Parts of a finished comparison in the files that other tools read.

=========  ==============================================  ====================
format     what                                            read by
=========  ==============================================  ====================
trec       hits of one stage, a run file per pipeline      trec_eval, ir_measures
qrels      relevance judgements                            trec_eval, ir_measures
dpr        hits with texts and ``has_answer``              DPR's readers, FiD
squad      ``{question id: answer}``                       SQuAD's evaluator
nq-open    ``{"question": …, "prediction": …}`` a line     NQ-open's evaluator
=========  ==============================================  ====================
"""

from __future__ import annotations

import filecmp
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from odqa.data.corpus import Corpus
from odqa.data.dpr_results import write_dpr_results
from odqa.data.predictions import write_nq_open, write_squad
from odqa.data.qrels import write_qrels
from odqa.data.trec import write_run
from odqa.drafts import draft_of, remove
from odqa.errors import DataError, RunError
from odqa.metrics.has_answer import has_answer
from odqa.suggest import did_you_mean

if TYPE_CHECKING:
    from odqa.comparison.pipeline_result import PipelineResult
    from odqa.comparison.result import Comparison
    from odqa.metrics.rows import Stage
    from odqa.types import Hit, Passage, Question


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What to export.

    ``pipelines``: their names; empty: all. ``stage`` and ``k``: whose hits and how many of
    them, for the formats that hold hits. ``corpus``: the texts of passages for DPR's format; a
    run folder keeps those of the best few only.
    """

    pipelines: tuple[str, ...] = ()
    stage: Stage = "ranked"
    k: int | None = None
    corpus: Corpus | None = None


#: Format -> ending of its files.
FORMATS: Mapping[str, str] = {
    "trec": ".trec",
    "qrels": ".qrels",
    "dpr": ".json",
    "squad": ".json",
    "nq-open": ".jsonl",
}
_ANSWERS = ("squad", "nq-open")


def export(
    comparison: Comparison, form: str, path: Path, options: ExportOptions | None = None
) -> list[Path]:
    """Write files and return their paths.

    All are written as drafts and then renamed: a kill leaves no part of a file, and the same
    export completes what a killed one has begun.

    Args:
        form: one of `FORMATS`.
        path: a folder (made where it is missing), or, with a suffix, the one file to write.
        options: which pipelines and hits; by default the ranked hits of all pipelines.

    Raises:
        RunError: no such format or pipeline, nothing to export, several files where one is named,
            a file that exists already with other content, a folder that cannot be made.
        DataError: a passage without text, a file that cannot be written.
    """
    options = options or ExportOptions()
    if form not in FORMATS:
        raise RunError(f"no format '{form}'", where="--format", cure=did_you_mean(form, FORMATS))
    if form == "qrels" and not comparison.qrels:
        raise RunError("has no qrels", where=str(comparison.folder or comparison.name))
    names = ["gold"] if form == "qrels" else _chosen(comparison, form, options.pipelines)
    if path.suffix and not path.is_dir():
        if len(names) > 1:
            what = f"one file, but there are {len(names)} pipelines: {', '.join(names)}"
            raise RunError(
                what, where=str(path), cure="choose one with --pipeline or name a folder"
            )
        targets = {names[0]: path}
    else:
        targets = {name: path / f"{name}{FORMATS[form]}" for name in names}
    with _drafts(targets[names[0]].parent) as drafts:
        written = {}
        for name, target in targets.items():
            written[target] = drafts / target.name
            _write(comparison, form, name, options, written[target])
        for target, draft in written.items():
            _check_same(target, draft)
        for target, draft in written.items():
            _move(draft, target)
    return list(targets.values())


@contextmanager
def _drafts(folder: Path) -> Iterator[Path]:
    """A folder for drafts in one to write to; one made here is removed when writing fails."""
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        drafts = draft_of(folder / "export")
        drafts.mkdir(exist_ok=True)
    except OSError as error:
        what = f"the folder cannot be made ({error.strerror})"
        raise RunError(what, where=str(folder), cure="name another with --to") from None
    try:
        yield drafts
    except BaseException:
        remove(drafts)
        if is_new:
            with suppress(OSError):
                folder.rmdir()
        raise
    remove(drafts)


def _check_same(target: Path, draft: Path) -> None:
    """Refuse a file that is there with other content; the same is what a killed export wrote."""
    if target.exists() and not (target.is_file() and filecmp.cmp(target, draft, shallow=False)):
        raise RunError(
            "exists already with other content",
            where=str(target),
            cure="remove it or name another",
        )


def _move(draft: Path, target: Path) -> None:
    try:
        draft.replace(target)
    except OSError as error:
        raise DataError(f"cannot be written ({error.strerror})", where=str(target)) from None


def _write(
    comparison: Comparison, form: str, name: str, options: ExportOptions, target: Path
) -> None:
    match form:
        case "trec":
            write_run(target, _hits(comparison.result(name), options), tag=name)
        case "qrels":
            write_qrels(target, comparison.qrels or {})
        case "dpr":
            _write_dpr(comparison, _hits(comparison.result(name), options), options.corpus, target)
        case "squad":
            write_squad(target, _texts(comparison, name))
        case _:
            write_nq_open(target, comparison.questions, _texts(comparison, name))


def _chosen(comparison: Comparison, form: str, pipelines: Sequence[str]) -> list[str]:
    for name in pipelines:
        comparison.result(name)
    names = list(dict.fromkeys(pipelines)) or list(comparison.pipelines)
    if form not in _ANSWERS:
        return names
    answering = [name for name in names if comparison.result(name).answers is not None]
    if not answering or (pipelines and answering != names):
        silent = next(name for name in names if name not in answering)
        cure = "choose a pipeline that answers, or a format of hits: trec, dpr"
        raise RunError(f"pipeline '{silent}' has no reader", where=f"format {form}", cure=cure)
    return answering


def _hits(result: PipelineResult, options: ExportOptions) -> dict[str, Sequence[Hit]]:
    slot_hits = result.retrieved if options.stage == "retrieved" else result.ranked
    return {question: hits[: options.k] for question, hits in slot_hits.items()}


def _texts(comparison: Comparison, name: str) -> Mapping[str, str]:
    answers = comparison.result(name).answers or {}
    return {q.id: answers[q.id].text if q.id in answers else "" for q in comparison.questions}


def _write_dpr(
    comparison: Comparison, hits: Mapping[str, Sequence[Hit]], corpus: Corpus | None, target: Path
) -> None:
    def holds(question: Question, passage: Passage) -> bool:
        return has_answer(passage.text, question.answers, comparison.matching)

    texts = corpus or Corpus.from_passages(comparison.passages.values(), "of the run folder")
    try:
        write_dpr_results(target, comparison.questions, hits, texts, holds)
    except DataError as error:
        if corpus is not None or not error.what.startswith("no passage"):
            raise
        raise DataError(
            f"{error.what}: a run folder keeps the texts that its report shows",
            where=str(comparison.folder or comparison.name),
            cure="name the data of the run with --data, or export fewer passages with --k",
        ) from None
