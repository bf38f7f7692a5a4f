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
from typing import TYPE_CHECKING, Any

from odqa.tracking.payload import TraceBatch
from odqa.tracking.spans import SpanRecord, TraceRecord

if TYPE_CHECKING:
    from mlflow.entities import Span
    from mlflow.tracking import MlflowClient


def send_traces(
    client: MlflowClient, experiment: str, runs: Mapping[str, str], batches: Iterable[TraceBatch]
) -> tuple[int, bool]:
    """Send traces to the runs of their pipelines, those that are not there yet.

    Args:
        runs: pipeline -> run id.

    Returns:
        How many of them are stored at the end, and whether any had to be sent.
    """
    from mlflow.tracing.client import TracingClient

    tracing = TracingClient(client.tracking_uri)
    before: dict[str, set[str]] = {}
    wanted: dict[str, set[str]] = {}
    is_new = False
    for pipeline, records in batches:
        run = runs[pipeline]
        if run not in before:
            before[run] = set(stored_traces(client, experiment, run))
        traces = {_hash(run, record.question_id, digits=32): record for record in records}
        wanted.setdefault(run, set()).update(f"tr-{key}" for key in traces)
        missing = {key: t for key, t in traces.items() if f"tr-{key}" not in before[run]}
        if not missing:
            continue
        is_new = True
        spans = [span for key, trace in missing.items() for span in _spans(key, trace)]
        tracing.log_spans(experiment, spans)
        client.link_traces_to_run([f"tr-{key}" for key in missing], run)
    stored = sum(
        len(keys & set(stored_traces(client, experiment, run))) for run, keys in wanted.items()
    )
    return stored, is_new


def stored_traces(client: MlflowClient, experiment: str, run: str) -> Iterator[str]:
    """The ids of all traces of a run."""
    token: str | None = None
    while True:
        page = client.search_traces(
            locations=[experiment],
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
