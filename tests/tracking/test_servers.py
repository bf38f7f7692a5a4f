"""Servers that are down, hang, drip, talk rubbish or die: a warning in time, never an error."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from odqa.cli.main import main
from odqa.comparison.folder import save
from odqa.testing.servers import cut_off, die_midway, drip, hang, rubbish, serving
from odqa.testing.synthetic import synthetic_comparison
from odqa.tracking import log_comparison

#: Deadlines: one that is waited for, and one that is not reached.
SECONDS, LONG = 1.5, 120.0


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (hang, "warning: not logged to {uri} (not finished after 1.5 s); later: odqa log {run}"),
        (drip, "warning: not logged to {uri} (not finished after 1.5 s); later: odqa log {run}"),
        (
            rubbish,
            "warning: not logged to {uri} (what answers there is no MLflow server); "
            "later: odqa log {run}",
        ),
        (cut_off, "warning: not logged to {uri} (the server broke off)"),
        (
            die_midway,
            "warning: not all logged to {uri}, run abc (no server answers there); "
            "later: odqa log {run}",
        ),
    ],
)
def test_no_server_holds_or_fails_a_run(
    answer: Callable[[socket.socket], None],
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The others end by themselves; a busy machine takes its time for their answers.
    seconds = SECONDS if answer in (hang, drip) else LONG
    monkeypatch.setenv("ODQA_MLFLOW_SECONDS", str(seconds))
    run = tmp_path / "run"
    with serving(answer) as uri:
        outcome = log_comparison(synthetic_comparison(2, 1), run, uri)
    assert not outcome.complete
    assert str(outcome).startswith(text.format(uri=uri, run=run))
    assert "\n" not in str(outcome)


def test_a_server_that_is_down_is_one_line_and_odqa_log_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        uri = f"http://me:secret@127.0.0.1:{free.getsockname()[1]}"
    save(synthetic_comparison(2, 1), tmp_path / "run")
    monkeypatch.setattr(sys, "argv", ["odqa", "log", str(tmp_path / "run"), "--mlflow", uri])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert capsys.readouterr().err == (
        f"odqa: not logged to {uri.replace('secret', '…')} (no server answers there); "
        f"later: odqa log {tmp_path / 'run'}\n"
    )
