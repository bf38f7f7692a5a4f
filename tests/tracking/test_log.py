"""Against a real MLflow store in a temporary folder."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Iterator
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from odqa.comparison.folder import save
from odqa.comparison.result import Comparison
from odqa.errors import EnvironmentProblem, SpecError
from odqa.report.write import write_report
from odqa.testing.synthetic import synthetic_comparison
from odqa.tracking import log_comparison, payload, tracking_seconds, tracking_target
from odqa.tracking.traces import stored_traces


@dataclass
class Logged:
    """A comparison that was logged to the default store of a working folder."""

    comparison: Comparison
    work: Path
    line: str
    client: Any
    experiment: str

    @property
    def parent(self) -> Any:
        return self.client.get_run(self.line.split("run ")[1].split(",")[0])

    def traces(self, pipeline: str) -> set[str]:
        run = self.children()[pipeline].info.run_id
        return set(stored_traces(self.client, self.experiment, run))

    def children(self) -> dict[str, Any]:
        condition = f"tags.`mlflow.parentRunId` = '{self.parent.info.run_id}'"
        runs = self.client.search_runs([self.experiment], condition)
        return {run.info.run_name: run for run in runs}


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logged]:
    from mlflow.tracking import MlflowClient

    work = tmp_path_factory.mktemp("work")
    comparison = synthetic_comparison(30, 2)
    with chdir(work), pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
        save(comparison, Path("run"))
        write_report(comparison, Path("run"))
        line = str(log_comparison(comparison, Path("run")))
        client = MlflowClient(tracking_uri=f"sqlite:///{work}/mlflow.db")
        experiment = client.get_experiment_by_name("odqa/synthetic")
        yield Logged(comparison, work, line, client, experiment.experiment_id)


def test_the_line_says_where(logged: Logged) -> None:
    assert logged.line.startswith("sqlite:///mlflow.db, run ")
    assert logged.line.endswith(", 40 traces")  # 20 questions, 2 pipelines
    assert {"mlflow.db", "mlartifacts", "run"} == {path.name for path in logged.work.iterdir()}


def test_one_parent_and_a_nested_child_per_pipeline(logged: Logged) -> None:
    assert logged.parent.info.status == "FINISHED"
    assert set(logged.children()) == {"bm25", "sbert-colbert"}
    assert "highest em" in logged.parent.data.tags["mlflow.note.content"]


def test_the_parent_carries_every_pair(logged: Logged) -> None:
    pairs = logged.comparison.pairs("em").frame().iloc[0]
    head = f"pairs/em/{pairs['better']} vs {pairs['worse']}"
    metrics = logged.parent.data.metrics
    assert metrics[f"{head}/difference"] == pytest.approx(pairs["difference"])
    assert metrics[f"{head}/p_holm"] == pytest.approx(pairs["p (Holm)"])
    letters = logged.comparison.pairs("em").letters
    assert logged.parent.data.tags["odqa.letters.em"] == "; ".join(
        f"{name} {each}" for name, each in letters.items()
    )
    run = logged.parent.info.run_id
    paths = {item.path for item in logged.client.list_artifacts(run, "pairs")}
    assert {"pairs/em.csv", "pairs/em.md", "pairs/ranked_mrr_at_10.csv"} <= paths
    import mlflow.artifacts

    uri = f"{logged.parent.info.artifact_uri}/pairs/em.md"
    text = mlflow.artifacts.load_text(uri)
    assert text.startswith("| row minus column | ")
    assert f"{pairs['difference']:+.3f}" in text.replace("\\", "")


def test_children_carry_spec_metrics_and_dataset(logged: Logged) -> None:
    run = logged.children()["sbert-colbert"]
    assert run.data.params["ranker.k"] == "20"
    em = logged.comparison.summaries["sbert-colbert", "em"].mean
    assert run.data.metrics["em"] == pytest.approx(em)
    dataset = run.inputs.dataset_inputs[0].dataset
    assert (dataset.name, dataset.digest) == ("synthetic", ("ab" * 32)[:36])


def test_rows_and_specs_are_artifacts(logged: Logged) -> None:
    def files(run: Any) -> set[str]:
        return {item.path for item in logged.client.list_artifacts(run.info.run_id)}

    assert {"metrics.parquet", "manifest.json", "questions.jsonl", "figures"} <= files(
        logged.parent
    )
    figures = logged.client.list_artifacts(logged.parent.info.run_id, "figures")
    assert {Path(item.path).suffix for item in figures} >= {".svg", ".png", ".pdf"}
    assert {"spec.yaml", "answers.jsonl", "ranked.trec"} <= files(logged.children()["bm25"])
    assert (logged.work / "mlartifacts" / logged.parent.info.run_id).is_dir()


def test_traces_belong_to_their_run_and_come_back_whole(logged: Logged) -> None:
    run = logged.children()["sbert-colbert"]
    traces = logged.client.search_traces(
        locations=[logged.experiment], run_id=run.info.run_id, max_results=100
    )
    assert len(traces) == 20
    trace = next(t for t in traces if t.info.tags["odqa.question"] == "syn-0000")
    assert trace.info.tags["mlflow.traceName"] == "sbert-colbert"
    spans = {span.name: span for span in trace.data.spans}
    assert [spans[name].span_type for name in ("sbert-colbert", "retrieve", "rank", "read")] == [
        "CHAIN",
        "RETRIEVER",
        "RERANKER",
        "PARSER",
    ]
    assert spans["rank"].parent_id == spans["sbert-colbert"].span_id
    assert spans["retrieve"].outputs[0]["metadata"]["rank"] == 1
    assert spans["read"].outputs["answer"]


def test_what_was_logged_is_not_logged_again(
    logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = len(logged.client.search_runs([logged.experiment]))
    monkeypatch.chdir(logged.work)
    again = Comparison.load(Path("run"))
    outcome = log_comparison(again, Path("run"), _uri(logged))
    assert outcome.complete and str(outcome).endswith(", 40 traces, logged before")
    # More traces go to the same runs.
    outcome = log_comparison(again, Path("run"), _uri(logged), traces="all")
    assert str(outcome).endswith(f"run {logged.parent.info.run_id}, 60 traces")
    assert len(logged.client.search_runs([logged.experiment])) == runs


@pytest.mark.parametrize("status", ["RUNNING", "FAILED"])
def test_what_was_interrupted_is_completed(
    logged: Logged, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a kill in the middle of a pipeline's run, with another logger killed beside it."""
    client = logged.client
    monkeypatch.chdir(logged.work)
    parent, children = logged.parent.info.run_id, logged.children()
    whole = {run.info.run_id: run.data for run in (logged.parent, *children.values())}
    bm25, traces = children["bm25"].info.run_id, logged.traces("bm25")
    for run in (parent, bm25):
        client.update_run(run, status=status)
    identity = {"odqa.identity": logged.parent.data.tags["odqa.identity"]}
    orphan = client.create_run(logged.experiment, tags=identity).info.run_id
    nested = {**identity, "mlflow.parentRunId": orphan}
    orphans = [orphan, client.create_run(logged.experiment, tags=nested).info.run_id]
    client.delete_run(children["sbert-colbert"].info.run_id)

    outcome = log_comparison(logged.comparison, Path("run"), _uri(logged))
    assert outcome.complete and f"run {parent}, 40 traces" in str(outcome)
    assert {client.get_run(run).info.status for run in orphans} == {"FAILED"}
    assert logged.parent.info.status == "FINISHED"
    again = logged.children()
    assert {(name, run.info.status) for name, run in again.items()} == {
        ("bm25", "FINISHED"),
        ("sbert-colbert", "FINISHED"),
    }
    assert again["bm25"].info.run_id == bm25
    assert again["bm25"].data.metrics == whole[bm25].metrics
    assert len(client.get_metric_history(bm25, "em")) == 1
    assert len(logged.traces("sbert-colbert")) == 20
    assert logged.traces("bm25") == traces


def test_nothing_else_of_the_process_changes(logged: Logged) -> None:
    before = dict(os.environ)
    noise = io.StringIO()
    handler = logging.StreamHandler(noise)
    logging.getLogger().addHandler(handler)
    try:
        outcome = log_comparison(
            logged.comparison, logged.work / "run", _uri(logged), traces="none"
        )
    finally:
        logging.getLogger().removeHandler(handler)
    assert outcome.complete and "traces" not in str(outcome)
    assert dict(os.environ) == before
    assert noise.getvalue() == ""


def _uri(logged: Logged) -> str:
    return f"sqlite:///{logged.work}/mlflow.db"


@pytest.mark.parametrize(
    ("uri", "text"),
    [("./mlruns", "use sqlite:///FILE"), ("nonsense://here", "not logged to nonsense://here")],
)
def test_stores_that_cannot_be_used_are_one_line(tmp_path: Path, uri: str, text: str) -> None:
    with chdir(tmp_path):
        outcome = log_comparison(synthetic_comparison(2, 1), tmp_path, uri)
        line = str(outcome)
        assert (
            not outcome.complete
            and line.startswith("warning: ")
            and text in line
            and "\n" not in line
        )


def test_off_and_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert tracking_target() == "sqlite:///mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "off")
    assert tracking_target() is None and tracking_target("sqlite:///x.db") == "sqlite:///x.db"
    assert log_comparison(synthetic_comparison(2, 1), tmp_path).line == "off"


@pytest.mark.parametrize("text", ["soon", "0", "-1", "inf", "nan"])
def test_seconds_that_are_none_are_the_users_error(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODQA_MLFLOW_SECONDS", "")
    assert tracking_seconds() == 60.0
    monkeypatch.setenv("ODQA_MLFLOW_SECONDS", text)
    with pytest.raises(EnvironmentProblem, match=f"ODQA_MLFLOW_SECONDS: '{text}' is no number"):
        tracking_seconds()


def test_a_wrong_policy_is_the_users_error(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no trace policy 'most'"):
        log_comparison(synthetic_comparison(2, 1), tmp_path, "off", traces="most")


def test_every_stage_of_a_composition_is_logged(
    logged: Logged, composed: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save(composed, tmp_path / "run")
    own = payload.pipeline_metrics

    def many(comparison: Comparison, name: str) -> dict[str, float]:
        """More than MLflow takes at once, as of a pipeline with twenty stages."""
        return {**{f"more/{n}": float(n) for n in range(1200)}, **own(comparison, name)}

    monkeypatch.setattr(payload, "pipeline_metrics", many)
    line = str(log_comparison(composed, tmp_path / "run", _uri(logged), traces="all"))
    assert line.endswith(", 9 traces"), line
    client = logged.client
    experiment = client.get_experiment_by_name("odqa/toy").experiment_id
    found = {run.info.run_name: run for run in client.search_runs([experiment])}
    metrics = found["drops"].data.metrics
    assert (metrics["lost/blind"], metrics["blind/mrr_at_10"]) == (2.0, 0.25)
    assert "cost/narrow/online_ms_per_question" in metrics
    assert metrics["more/1199"] == 1199.0
    assert found["good"].data.params["retriever.fuse.0.0.id"] == "wide"
    spans = spans_of(client, experiment, found["good"].info.run_id, "q1")
    assert list(spans) == [
        *("good", "rewrite", "retrieve wide", "rank narrow", "retrieve blind", "fuse"),
        *("rank late", "rank cross", "read"),
    ]
    assert spans["fuse"].inputs["passages"] == {"narrow": ["p3"], "blind": ["p1", "p2"]}
    assert {span.parent_id for name, span in spans.items() if name != "good"} == {
        spans["good"].span_id
    }
    files = {item.path for item in client.list_artifacts(found["good"].info.run_id, "stages")}
    assert "stages/late.trec" in files


def spans_of(client: Any, experiment: str, run: str, question: str) -> dict[str, Any]:
    traces = client.search_traces(locations=[experiment], run_id=run)
    trace = next(t for t in traces if t.info.tags["odqa.question"] == question)
    return {span.name: span for span in trace.data.spans}
