from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from odqa.cli import interrupt

ROOT = Path(__file__).resolve().parents[2]

#: A command that stores something (or not) and then does not end by itself.
SCRIPT = """
import sys, time
from odqa.cache.kept import note_kept
from odqa.cli import interrupt
from pathlib import Path
import signal
signal.signal(signal.SIGINT, lambda *_: None)
interrupt.end_soon_after_signals()
sys.argv = ["odqa", "index", "my spec.yaml"]
if {keeps}:
    note_kept(Path("x"))
print("ready", flush=True)
while True:
    time.sleep(60)
"""


def interrupted(keeps: bool) -> tuple[int, str]:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(keeps=keeps)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    return process.returncode, errors


@pytest.mark.parametrize("keeps", [True, False])
def test_native_code_is_ended_and_how_to_go_on_is_said(keeps: bool) -> None:
    code, errors = interrupted(keeps)
    assert code == 130
    kept = "odqa: interrupted; what was finished is kept, to go on: odqa index 'my spec.yaml'"
    assert errors.strip().splitlines()[-1] == (kept if keeps else "odqa: interrupted")


def test_a_training_goes_on_with_resume(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("odqa.cache.kept._STORED", [tmp_path])
    monkeypatch.setattr(sys, "argv", ["odqa", "train", "a.yaml"])
    assert interrupt.message().endswith("to go on: odqa train a.yaml --resume")
    monkeypatch.setattr(sys, "argv", ["odqa", "train", "a.yaml", "--resume"])
    assert interrupt.message().endswith("to go on: odqa train a.yaml --resume")
