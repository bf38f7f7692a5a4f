"""One parent run and its nested runs, each logged once, whatever was interrupted before."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from odqa.tracking.payload import Payload, RunPayload

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

#: How many parameters and metrics MLflow takes in one request.
_PARAMS_AT_ONCE, _METRICS_AT_ONCE = 100, 1000
#: Tag with the identity of what a run was logged from.
IDENTITY = "odqa.identity"
_PARENT = "mlflow.parentRunId"


def open_experiment(client: MlflowClient, name: str, artifacts: str | None) -> str:
    """The id of the experiment, made where it is missing."""
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        try:
            return str(client.create_experiment(name, artifact_location=artifacts))
        except Exception:
            # Another process may have made it in the meantime.
            experiment = client.get_experiment_by_name(name)
            if experiment is None:
                raise
    if experiment.lifecycle_stage == "deleted":
        client.restore_experiment(experiment.experiment_id)
    return str(experiment.experiment_id)


class RunLog:
    """Logs the runs of a payload into an experiment.

    What was logged already is left as it is; runs that were interrupted are completed.

    Attributes:
        children: name -> run id.
        is_new: whether anything had to be logged.
    """

    def __init__(self, client: MlflowClient, experiment: str, payload: Payload) -> None:
        self._client = client
        self._experiment = experiment
        self._payload = payload
        self.children: dict[str, str] = {}
        self.is_new = False

    def log(self, on_parent: Callable[[str], None]) -> str:
        """Log everything but traces; returns the parent's run id.

        Args:
            on_parent: told the parent's run id as soon as there is one.
        """
        begun: list[str] = []
        try:
            parent, is_done, old = self._find()
            on_parent(parent)
            if not is_done:
                begun.append(parent)
                self._write(parent, self._payload.parent)
            for name, run in self._payload.children.items():
                self.children[name] = self._child(name, run, parent, old, begun)
            if not is_done:
                self._client.set_terminated(parent)
        except BaseException:
            # The caller reports the first error, not one of these calls.
            with suppress(Exception):
                for run_id in reversed(begun):
                    self._client.set_terminated(run_id, "FAILED")
            raise
        return parent

    def _child(
        self, name: str, run: RunPayload, parent: str, old: Sequence[Run], begun: list[str]
    ) -> str:
        """The nested run, logged where it was not yet; `old`: those that are done come first."""
        same = [child for child in old if child.info.run_name == name]
        if same and _done(same[0]):
            return str(same[0].info.run_id)
        child = str(same[0].info.run_id) if same else self._start(run, {_PARENT: parent})
        begun.append(child)
        self._write(child, run)
        self._client.set_terminated(child)
        begun.remove(child)
        return child

    def _find(self) -> tuple[str, bool, list[Run]]:
        """The parent, begun where there is none, whether it is done, and its nested runs."""
        condition = f"tags.`{IDENTITY}` = '{self._payload.identity}'"
        runs = list(self._client.search_runs([self._experiment], condition, max_results=1000))
        runs.sort(key=lambda run: (not _done(run), run.info.start_time))
        parents = [run for run in runs if _PARENT not in run.data.tags]
        if not parents:
            return self._start(self._payload.parent, {}), False, []
        parent = str(parents[0].info.run_id)
        children = [run for run in runs if run.data.tags.get(_PARENT) == parent]
        for run in runs:
            # Of processes that were killed, when another had logged the same already.
            if run.info.status == "RUNNING" and run not in (parents[0], *children):
                self._client.set_terminated(run.info.run_id, "FAILED")
        return parent, _done(parents[0]), children

    def _start(self, run: RunPayload, tags: Mapping[str, str]) -> str:
        from mlflow.tracking.context.registry import resolve_tags

        all_tags = {**run.tags, **tags, IDENTITY: self._payload.identity}
        made = self._client.create_run(
            self._experiment, tags=resolve_tags(all_tags), run_name=run.name
        )
        return str(made.info.run_id)

    def _write(self, run: str, payload: RunPayload) -> None:
        from mlflow.entities import Metric, Param

        self.is_new = True
        client, time = self._client, self._payload.time_ms
        metrics = [Metric(m.key, m.value, time, m.step) for m in payload.metrics]
        params = [Param(key, value) for key, value in payload.params.items()]
        for start in range(0, len(metrics), _METRICS_AT_ONCE):
            client.log_batch(run, metrics=metrics[start : start + _METRICS_AT_ONCE])
        for start in range(0, len(params), _PARAMS_AT_ONCE):
            client.log_batch(run, params=params[start : start + _PARAMS_AT_ONCE])
        if self._payload.dataset is not None:
            client.log_inputs(run, [_dataset(self._payload.dataset)])
        for name, text in payload.texts.items():
            client.log_text(run, text, name)
        for file, folder in payload.files:
            client.log_artifact(run, file, folder)


def _done(run: Run) -> bool:
    return bool(run.info.status == "FINISHED")


def _dataset(entry: Mapping[str, Any]) -> Any:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    # MLflow takes 36 characters of a digest; the whole one is in the profile.
    dataset = Dataset(
        name=str(entry["name"]),
        digest=str(entry["digest"])[:36],
        source_type="odqa",
        source=json.dumps({"corpus": entry.get("corpus", "")}),
        profile=json.dumps(entry),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "evaluation")])
