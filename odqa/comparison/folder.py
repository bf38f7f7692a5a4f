"""A run folder: the results of a comparison in files that other tools can read too.

::

    manifest.json                 versions, machine, seed, digests, spec hashes; written last
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
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from odqa.comparison.costs import StageCost
from odqa.comparison.data import ComparisonData
from odqa.comparison.pipeline_result import PipelineResult
from odqa.data.qrels import read_qrels, write_qrels
from odqa.data.trec import read_run, write_run
from odqa.errors import OdqaError, RunError
from odqa.execution.explain import read_explanations, write_explanations
from odqa.execution.latency import Latency
from odqa.metrics.rows import MetricRow
from odqa.spec.pipeline import PipelineSpec, load_pipeline
from odqa.types import Answer, Hit, Passage, Question

#: Keys of the manifest file that are fields of a comparison, not of its manifest.
_HEAD = ("comparison", "baseline", "pipelines")
#: Subfolder of the hits and texts of stages inside of compositions.
_STAGES = "stages"


def save(comparison: ComparisonData, folder: Path) -> None:
    """Write a run folder; ``manifest.json`` comes last and marks it finished.

    Raises:
        RunError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_lines(folder / "questions.jsonl", map(_question_line, comparison.questions))
        if comparison.qrels is not None:
            write_qrels(folder / "gold.qrels", comparison.qrels)
        comparison.frame().to_parquet(folder / "metrics.parquet", index=False)
        _write_lines(
            folder / "passages.jsonl",
            ({"id": p.id, "title": p.title, "text": p.text} for p in comparison.passages.values()),
        )
        for name, result in comparison.pipelines.items():
            _save_pipeline(folder / "pipelines" / name, result)
        head: dict[str, Any] = {"comparison": comparison.name, "baseline": comparison.baseline}
        head["pipelines"] = list(comparison.pipelines)
        _write_json(folder / "manifest.json", {**head, **comparison.manifest})
    except OSError as error:
        raise RunError(
            f"cannot be written ({error.strerror})", where=str(folder), cure="choose another --out"
        ) from None


def load(folder: Path) -> ComparisonData:
    """Read a finished run folder back.

    Raises:
        RunError: it is no run folder, was not finished, or is damaged.
    """
    manifest_file = folder / "manifest.json"
    if not manifest_file.is_file():
        what = "an unfinished run" if (folder / "questions.jsonl").exists() else "no run folder"
        raise RunError(what, where=str(folder), cure="pass a folder that odqa compare finished")
    try:
        return _load(folder, json.loads(manifest_file.read_text(encoding="utf-8")))
    except OdqaError:
        raise
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise RunError(
            f"damaged run folder ({type(error).__name__}: {error})",
            where=str(folder),
            cure="run the comparison again",
        ) from error


def _load(folder: Path, manifest: dict[str, Any]) -> ComparisonData:
    import pandas as pd

    comparison_name, baseline, pipelines = (manifest.pop(key) for key in _HEAD)
    questions = tuple(
        Question(d["id"], d["question"], tuple(d["answer"]))
        for d in _read_lines(folder / "questions.jsonl")
    )
    gold = folder / "gold.qrels"
    frame = pd.read_parquet(folder / "metrics.parquet")
    return ComparisonData(
        comparison_name,
        questions,
        read_qrels(gold) if gold.is_file() else None,
        {name: _load_pipeline(folder / "pipelines" / name, questions) for name in pipelines},
        tuple(MetricRow(*row) for row in frame.itertuples(index=False, name=None)),
        {
            d["id"]: Passage(d["id"], d["text"], d["title"])
            for d in _read_lines(folder / "passages.jsonl")
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


def _load_pipeline(folder: Path, questions: Sequence[Question]) -> PipelineResult:
    spec = load_pipeline(folder / "spec.yaml")
    costs = tuple(StageCost.from_dict(cost) for cost in _read_json(folder / "costs.json"))
    latency_file = folder / "latency.json"
    latency = None
    if latency_file.is_file():
        latency = _by_stage(Latency.from_dict(_read_json(latency_file)), costs)
    answers = None
    if spec.reader is not None:
        answers = {
            d["id"]: Answer(d["answer"], d["score"], d["passage"], d["start"], d["end"])
            for d in _read_lines(folder / "answers.jsonl")
        }
    explanations_file = folder / "explanations.jsonl"
    retrieved, ranked = (
        {} if spec.retriever is None else _load_hits(folder / f"{slot}.trec", questions)
        for slot in ("retrieved", "ranked")
    )
    inner, texts = _load_stages(folder / _STAGES, spec, questions)
    return PipelineResult(
        spec,
        retrieved,
        ranked,
        answers,
        costs,
        latency,
        read_explanations(explanations_file) if explanations_file.is_file() else {},
        inner,
        texts,
    )


def _load_stages(
    folder: Path, spec: PipelineSpec, questions: Sequence[Question]
) -> tuple[dict[str, dict[str, list[Hit]]], dict[str, dict[str, list[str]]]]:
    """Hits and texts of the stages that have a file of their own."""
    hits, texts = {}, {}
    for node in spec.graph.nodes:
        hits_file, texts_file = folder / f"{node.id}.trec", folder / f"{node.id}.jsonl"
        if hits_file.is_file():
            hits[node.id] = _load_hits(hits_file, questions)
        elif texts_file.is_file():
            texts[node.id] = {row["id"]: row["queries"] for row in _read_lines(texts_file)}
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
    return {"id": question.id, "question": question.text, "answer": list(question.answers)}


def _answer_line(question_id: str, answer: Answer) -> dict[str, Any]:
    return {
        "id": question_id,
        "answer": answer.text,
        "score": answer.score,
        "passage": answer.passage_id,
        "start": answer.start,
        "end": answer.end,
    }


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _write_json(path: Path, data: Any) -> None:
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _write_lines(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def _read_lines(path: Path) -> list[dict[str, Any]]:
    # Not splitlines(): a text may hold U+2028 and its like, which end no line of JSON.
    lines = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines if line]
