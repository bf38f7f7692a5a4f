"""Send traces to MLflow in batches, and count what was stored.

MLflow's exporter writes span by span and, by default, drops what its queue cannot hold. Here the
spans of many questions are sent in one synchronous call (one transaction in a database, one OTLP
request to a server), then the traces are linked to their pipeline's run and counted by a search.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from odqa.tracing import TraceCount, Tracer
from odqa.tracking.spans import SpanRecord, TraceBuilder, TraceRecord

if TYPE_CHECKING:
    from mlflow.entities import Span
    from mlflow.tracking import MlflowClient

    from odqa.comparison.result import Comparison

#: Traces per call; also the most that MLflow links to a run at once.
BATCH = 100


class MlflowTracer(Tracer):
    """Sends traces to the runs of a comparison.

    Args:
        runs: pipeline -> run id.
    """

    def __init__(self, client: MlflowClient, experiment: str, runs: Mapping[str, str]) -> None:
        self._client = client
        self._experiment = experiment
        self._runs = runs

    def send(self, comparison: Comparison, questions: Iterable[str]) -> TraceCount:
        """One trace per pipeline and question, synchronously."""
        from mlflow.tracing.client import TracingClient

        tracing = TracingClient(self._client.tracking_uri)
        builder = TraceBuilder(comparison)
        question_ids = list(questions)
        sent = stored = 0
        for pipeline, run in self._runs.items():
            remaining = iter(question_ids)
            while batch := list(islice(remaining, BATCH)):
                traces = {
                    _hash(run, question, digits=32): builder.build(pipeline, question)
                    for question in batch
                }
                spans = [span for key, trace in traces.items() for span in _spans(key, trace)]
                tracing.log_spans(self._experiment, spans)
                self._client.link_traces_to_run([f"tr-{key}" for key in traces], run)
                sent += len(traces)
            stored += sum(1 for _ in self._stored(run)) if question_ids else 0
        return TraceCount(sent, stored)

    def _stored(self, run: str) -> Iterator[str]:
        token: str | None = None
        while True:
            page = self._client.search_traces(
                locations=[self._experiment],
                run_id=run,
                max_results=500,
                page_token=token,
                include_spans=False,
            )
            yield from (trace.info.trace_id for trace in page)
            token = page.token
            if not token:
                return


def _spans(key: str, trace: TraceRecord) -> list[Span]:
    tags = {f"mlflow.traceTag.{name}": value for name, value in trace.tags.items()}
    tags["mlflow.traceTag.mlflow.traceName"] = trace.root.name
    root = _hash(key, "root", digits=16)
    spans = [_span(key, root, None, trace.root, tags)]
    for number, stage in enumerate(trace.stages):
        spans.append(_span(key, _hash(key, str(number), digits=16), root, stage, {}))
    return spans


def _span(
    trace: str, span: str, parent: str | None, record: SpanRecord, tags: Mapping[str, object]
) -> Span:
    from mlflow.entities import Span

    values: dict[str, object] = {
        "mlflow.traceRequestId": f"tr-{trace}",
        "mlflow.spanType": record.type,
        "mlflow.spanInputs": record.inputs,
        "mlflow.spanOutputs": record.outputs,
        **record.attributes,
        **tags,
    }
    data: dict[str, Any] = {
        "trace_id": _base64(trace),
        "span_id": _base64(span),
        "parent_span_id": _base64(parent) if parent else None,
        "name": record.name,
        "start_time_unix_nano": record.start_ns,
        "end_time_unix_nano": record.end_ns,
        "events": [],
        "status": {"code": "STATUS_CODE_OK", "message": ""},
        "attributes": {k: json.dumps(v, ensure_ascii=False) for k, v in values.items()},
    }
    return Span.from_dict(data)


def _hash(*parts: str, digits: int) -> str:
    """An id from the content: sending the same trace again gives the same id, no second trace."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:digits]


def _base64(digits: str) -> str:
    return base64.b64encode(bytes.fromhex(digits)).decode()
