"""A run folder: the results of a comparison in files that other tools can read too.

::

    manifest.json                 versions, machine, seed, spec hashes, digests of data and files
    questions.jsonl               NQ-open lines with ids
    gold.qrels                    TREC qrels, where there are any
    metrics.parquet               pipeline, question, metric, value
    passages.jsonl                the text of the passages that views show
    pipelines/NAME/spec.yaml      the whole spec, defaults included
    pipelines/NAME/retrieved.trec, ranked.trec     TREC runs
    pipelines/NAME/answers.jsonl  one line a question
    pipelines/NAME/costs.json, latency.json
    pipelines/NAME/explanations.jsonl    of rankers that explain themselves
    pipelines/NAME/stages/ID.trec        hits of a stage inside of a composition
    pipelines/NAME/stages/ID.jsonl       texts to search for, of a rewriter

Report, tables and figures are written into the same folder by `odqa.report.write`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from odqa.comparison.checks import check_manifest, check_names, check_rows
from odqa.comparison.costs import StageCost
from odqa.comparison.data import ComparisonData
from odqa.comparison.draft import closing, open_draft
from odqa.comparison.pipeline_result import PipelineResult
from odqa.comparison.rows import (
    AnswerRow,
    PassageRow,
    QueriesRow,
    QuestionRow,
    check_explanations,
    read_costs,
    read_latency,
    read_rows,
)
from odqa.comparison.run_files import (
    MANIFEST,
    RunFiles,
    damaged,
    read_manifest,
    refuse_links_out,
    write_manifest,
)
from odqa.data.qrels import read_qrels, write_qrels
from odqa.data.trec import read_run, write_run
from odqa.errors import DataError, OdqaError, RunError, SpecErrors
from odqa.execution.explain import read_explanations, write_explanations
from odqa.execution.latency import Latency
from odqa.metrics.rows import MetricRow
from odqa.spec.pipeline import PipelineSpec, parse_pipeline
from odqa.spec.source import read_source
from odqa.types import Answer, Hit, Passage, Question

#: Keys of the manifest file that are fields of a comparison, not of its manifest.
_HEAD = ("comparison", "baseline", "pipelines")
#: Subfolder of the hits and texts of stages inside of compositions.
_STAGES = "stages"
#: What a run folder holds; a folder with anything else is not replaced by one.
_OWN = {MANIFEST, "questions.jsonl", "gold.qrels", "metrics.parquet", "passages.jsonl", "pipelines"}
_OWN |= {"report.html", "table.txt", "table.md", "table.tex", "effects.json", "figures"}


def save(comparison: ComparisonData, folder: Path) -> None:
    """Write a run folder, whole or not at all; an earlier run folder of that name is replaced.

    Raises:
        RunError: the folder cannot be written, or holds files of another kind.
    """
    # Of a link the folder that it leads to; the draft is made beside that.
    target = folder.resolve()
    with refusing(folder):
        others = {path.name for path in target.iterdir()} - _OWN if target.is_dir() else set()
        if others or (target.exists() and not target.is_dir()):
            what = f"holds other files, such as {min(others)}" if others else "is no folder"
            raise RunError(what, where=str(folder), cure="name a new folder")
        draft = open_draft(target.parent, target.name)
        if draft is None:
            what = "another process is writing it"
            raise RunError(what, where=str(folder), cure="wait for it, or name another folder")
        with closing(draft):
            write_files(comparison, draft.path)
            draft.publish()


def write_files(comparison: ComparisonData, folder: Path) -> None:
    """Write the data of a run folder into a new folder; ``manifest.json`` comes last.

    Raises:
        OSError, DataError: the folder cannot be written.
    """
    _write_lines(folder / "questions.jsonl", map(_question_line, comparison.questions))
    if comparison.qrels is not None:
        write_qrels(folder / "gold.qrels", comparison.qrels)
    comparison.frame().to_parquet(folder / "metrics.parquet", index=False)
    _write_lines(
        folder / "passages.jsonl",
        ({"id": p.id, "title": p.title, "text": p.text} for p in comparison.passages.values()),
    )
    check_names(comparison.pipelines, folder)
    for name, result in comparison.pipelines.items():
        _save_pipeline(folder / "pipelines" / name, result)
    head: dict[str, Any] = {"comparison": comparison.name, "baseline": comparison.baseline}
    head["pipelines"] = list(comparison.pipelines)
    write_manifest(folder, {**head, **comparison.manifest})


@contextmanager
def refusing(folder: Path) -> Iterator[None]:
    """Errors of the disk in one line that names the folder.

    Raises:
        RunError: the folder cannot be written.
    """
    try:
        yield
    except (OSError, DataError) as error:
        reason = error.what if isinstance(error, DataError) else error.strerror or error
        raise RunError(
            f"cannot be written ({reason})",
            where=str(folder),
            cure="choose another --out, or free some disk; run again, finished stages are read "
            "from the cache",
        ) from None


def load(folder: Path) -> ComparisonData:
    """Read a finished run folder back; nothing outside of it is read.

    Raises:
        RunError: it is no run folder, was not finished, is damaged, or leads out of itself.
    """
    if not (folder / MANIFEST).is_file():
        what = "an unfinished run" if (folder / "questions.jsonl").exists() else "no run folder"
        raise RunError(what, where=str(folder), cure="pass a folder that odqa compare finished")
    refuse_links_out(folder)
    try:
        return _load(folder)
    except OdqaError:
        raise
    # Parquet's and JSON's readers raise RuntimeErrors too: not implemented, nested too deeply.
    except (
        *(OSError, ValueError, LookupError, TypeError, AttributeError),
        *(ArithmeticError, RuntimeError, AssertionError),
    ) as error:
        raise damaged(folder, f"{type(error).__name__}: {error}") from error


def _load(folder: Path) -> ComparisonData:
    import pandas as pd

    manifest, files = read_manifest(folder)
    comparison_name, baseline, pipelines = (manifest.pop(key) for key in _HEAD)
    check_manifest(manifest, folder)
    check_names(pipelines, folder)
    if "grid" in manifest and not set(manifest["grid"]["pipelines"]) <= set(pipelines):
        raise damaged(folder, f"the grid of {MANIFEST} names pipelines that there are none of")
    if not isinstance(comparison_name, str) or baseline not in pipelines:
        raise damaged(folder, f"{MANIFEST} names no comparison, or a baseline that is none")
    questions = tuple(
        Question(row.id, row.question, tuple(row.answer), tuple(row.supporting))
        for row in read_rows(files.path("questions.jsonl"), QuestionRow)
    )
    gold = files.find("gold.qrels")
    frame = pd.read_parquet(files.path("metrics.parquet"))
    rows = tuple(MetricRow(*row) for row in frame.itertuples(index=False, name=None))
    check_rows(rows, pipelines, questions, folder)
    return ComparisonData(
        comparison_name,
        questions,
        None if gold is None else read_qrels(gold),
        {name: _load_pipeline(files, f"pipelines/{name}", questions) for name in pipelines},
        rows,
        {
            row.id: Passage(row.id, row.text, row.title)
            for row in read_rows(files.path("passages.jsonl"), PassageRow)
        },
        baseline,
        manifest,
        folder,
    )


def _save_pipeline(folder: Path, result: PipelineResult) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spec.yaml").write_text(result.spec.to_yaml(defaults=True), encoding="utf-8")
    write_run(folder / "retrieved.trec", result.retrieved, tag=result.spec.name)
    write_run(folder / "ranked.trec", result.ranked, tag=result.spec.name)
    _write_json(folder / "costs.json", [cost.to_dict() for cost in result.costs])
    if result.answers is not None:
        _write_lines(
            folder / "answers.jsonl",
            (_answer_line(key, answer) for key, answer in result.answers.items()),
        )
    if result.explanations:
        write_explanations(folder / "explanations.jsonl", result.explanations.items())
    if result.latency is not None:
        _write_json(folder / "latency.json", result.latency.to_dict())
    if result.inner or result.texts:
        (folder / _STAGES).mkdir(exist_ok=True)
    for stage, hits in result.inner.items():
        write_run(folder / _STAGES / f"{stage}.trec", hits, tag=stage)
    for stage, by_question in result.texts.items():
        lines = ({"id": key, "queries": queries} for key, queries in by_question.items())
        _write_lines(folder / _STAGES / f"{stage}.jsonl", lines)


def _load_pipeline(files: RunFiles, at: str, questions: Sequence[Question]) -> PipelineResult:
    spec = _load_spec(files, f"{at}/spec.yaml")
    if at != f"pipelines/{spec.name}":
        raise damaged(files.folder, f"{at}/spec.yaml names the pipeline '{spec.name}'")
    costs = read_costs(files.path(f"{at}/costs.json"))
    latency_file = files.find(f"{at}/latency.json")
    latency = None
    if latency_file is not None:
        latency = _by_stage(read_latency(latency_file), costs)
    answers = None
    if spec.reader is not None:
        answers = {
            row.id: Answer(row.answer, row.score, row.passage, row.start, row.end)
            for row in read_rows(files.path(f"{at}/answers.jsonl"), AnswerRow)
        }
    explanations_file = files.find(f"{at}/explanations.jsonl")
    explanations = {} if explanations_file is None else read_explanations(explanations_file)
    check_explanations(explanations)
    retrieved, ranked = (
        {} if spec.retriever is None else _load_hits(files.path(f"{at}/{slot}.trec"), questions)
        for slot in ("retrieved", "ranked")
    )
    inner, texts = _load_stages(files, f"{at}/{_STAGES}", spec, questions)
    return PipelineResult(
        spec,
        retrieved,
        ranked,
        answers,
        costs,
        latency,
        explanations,
        inner,
        texts,
    )


def _load_spec(files: RunFiles, name: str) -> PipelineSpec:
    """Not by `load_pipeline`: a spec of a run folder extends no other file."""
    try:
        return parse_pipeline(read_source(files.path(name)))
    except SpecErrors as errors:
        # A folder that is damaged in one file is one line, however much is wrong in it.
        raise errors.problems[0] from None


def _load_stages(
    files: RunFiles, at: str, spec: PipelineSpec, questions: Sequence[Question]
) -> tuple[dict[str, dict[str, list[Hit]]], dict[str, dict[str, list[str]]]]:
    """Hits and texts of the stages that have a file of their own."""
    hits, texts = {}, {}
    for node in spec.graph.nodes:
        hits_file, texts_file = (
            files.find(f"{at}/{node.id}.trec"),
            files.find(f"{at}/{node.id}.jsonl"),
        )
        if hits_file is not None:
            hits[node.id] = _load_hits(hits_file, questions)
        elif texts_file is not None:
            rows = read_rows(texts_file, QueriesRow)
            texts[node.id] = {row.id: row.queries for row in rows}
    return hits, texts


def _by_stage(latency: Latency, costs: Sequence[StageCost]) -> Latency:
    """Latency by stage id; version 0.1.0 wrote roles, one stage of each."""
    roles = {cost.role: cost.stage_id for cost in costs if not cost.id}
    seconds = {roles.get(stage, stage): times for stage, times in latency.seconds.items()}  # type: ignore[call-overload]
    return Latency(latency.questions, seconds)


def _load_hits(path: Path, questions: Sequence[Question]) -> dict[str, list[Hit]]:
    # A question without hits has no line in a TREC run.
    hits = read_run(path)
    return {question.id: hits.get(question.id, []) for question in questions}


def _question_line(question: Question) -> dict[str, Any]:
    line = {"id": question.id, "question": question.text, "answer": list(question.answers)}
    return line | ({"supporting": list(question.supporting)} if question.supporting else {})


def _answer_line(question_id: str, answer: Answer) -> dict[str, Any]:
    return {
        "id": question_id,
        "answer": answer.text,
        "score": answer.score,
        "passage": answer.passage_id,
        "start": answer.start,
        "end": answer.end,
    }


def _write_json(path: Path, data: Any) -> None:
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _write_lines(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
