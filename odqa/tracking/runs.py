"""One parent run per comparison, one nested child per pipeline."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from odqa.comparison.verdict import verdict
from odqa.escapes import markdown
from odqa.tracking.values import pipeline_metrics, pipeline_params

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

    from odqa.comparison.result import Comparison

#: How many parameters MLflow takes in one request.
_PARAMS_AT_ONCE = 100


def open_experiment(client: MlflowClient, name: str, artifacts: str | None) -> str:
    """The id of the experiment, made where it is missing."""
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        return str(client.create_experiment(name, artifact_location=artifacts))
    if experiment.lifecycle_stage == "deleted":
        client.restore_experiment(experiment.experiment_id)
    return str(experiment.experiment_id)


def log_runs(
    client: MlflowClient, experiment: str, comparison: Comparison, folder: Path
) -> tuple[str, dict[str, str]]:
    """Write the parent run and its children.

    Args:
        folder: the finished run folder; its files become artifacts.

    Returns:
        The parent's run id, and pipeline -> the child's run id.
    """
    parent = _start(client, experiment, comparison.name, _parent_tags(comparison))
    children: dict[str, str] = {}
    try:
        _log(client, parent, {"baseline": comparison.baseline}, {}, comparison)
        _files(client, parent, folder)
        for name, result in comparison.pipelines.items():
            tags = {"mlflow.parentRunId": parent, "odqa.spec_hash": result.spec.hash}
            tags["mlflow.note.content"] = markdown(result.spec.description)
            children[name] = child = _start(client, experiment, name, tags)
            metrics = pipeline_metrics(comparison, name)
            _log(client, child, pipeline_params(result.spec), metrics, comparison)
            client.log_text(child, result.spec.to_yaml(), "spec.yaml")
            pipeline_folder = folder / "pipelines" / name
            if pipeline_folder.is_dir():
                client.log_artifacts(child, str(pipeline_folder))
            client.set_terminated(child)
    except BaseException:
        for run in (*children.values(), parent):
            _fail(client, run)
        raise
    client.set_terminated(parent)
    return parent, children


def _start(client: MlflowClient, experiment: str, name: str, tags: Mapping[str, str]) -> str:
    from mlflow.tracking.context.registry import resolve_tags

    run = client.create_run(experiment, tags=resolve_tags(dict(tags)), run_name=name)
    return str(run.info.run_id)


def _fail(client: MlflowClient, run: str) -> None:
    import contextlib

    # The caller reports the first error, not one of this call.
    with contextlib.suppress(Exception):
        client.set_terminated(run, "FAILED")


def _log(
    client: MlflowClient,
    run: str,
    params: Mapping[str, str],
    metrics: Mapping[str, float],
    comparison: Comparison,
) -> None:
    from mlflow.entities import Metric, Param

    now = int(time.time() * 1000)
    mlflow_metrics = [Metric(key, value, now, 0) for key, value in metrics.items()]
    mlflow_params = [Param(key, value) for key, value in params.items()]
    client.log_batch(run, metrics=mlflow_metrics, params=mlflow_params[:_PARAMS_AT_ONCE])
    for start in range(_PARAMS_AT_ONCE, len(mlflow_params), _PARAMS_AT_ONCE):
        client.log_batch(run, params=mlflow_params[start : start + _PARAMS_AT_ONCE])
    client.log_inputs(run, [_dataset(comparison)])


def _dataset(comparison: Comparison) -> Any:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    entry = comparison.manifest.get("dataset", {})
    # MLflow takes 36 characters of a digest; the whole one is in the profile.
    dataset = Dataset(
        name=str(entry.get("name", comparison.name)),
        digest=str(entry.get("digest", "unknown"))[:36],
        source_type="odqa",
        source=json.dumps({"corpus": entry.get("corpus", "")}),
        profile=json.dumps(entry),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "evaluation")])


def _parent_tags(comparison: Comparison) -> dict[str, str]:
    manifest = comparison.manifest
    # MLflow shows a note as Markdown.
    note = markdown(verdict(comparison))
    tags = {"mlflow.note.content": note, "odqa.version": str(manifest.get("odqa"))}
    if manifest.get("code"):
        tags["odqa.code"] = str(manifest["code"])
    return tags


def _files(client: MlflowClient, run: str, folder: Path) -> None:
    """Log the files of the run folder: rows, report, tables, manifest, figures."""
    for path in sorted(folder.iterdir()):
        if path.is_file():
            client.log_artifact(run, str(path))
    if (folder / "figures").is_dir():
        client.log_artifacts(run, str(folder / "figures"), "figures")
