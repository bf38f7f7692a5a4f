"""Waiting threads sleep, unless the user says otherwise, and early enough to matter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from odqa.execution.pipeline import Pipeline
from odqa.indexes.faiss_threads import load_faiss
from odqa.spec.pipeline import parse_pipeline
from odqa.threads import wait_asleep

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    # Set first, so that what the test leaves is taken away again.
    monkeypatch.setenv("OMP_WAIT_POLICY", "")
    monkeypatch.delenv("OMP_WAIT_POLICY")


def test_the_users_word_goes_before(unset: None, monkeypatch: pytest.MonkeyPatch) -> None:
    wait_asleep()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    wait_asleep()
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"


def test_a_pipeline_says_so_when_it_is_made(unset: None) -> None:
    spec = parse_pipeline("{name: x, retriever: {type: sentence}, ranker: {type: colbert}}")
    assert "OMP_WAIT_POLICY" not in os.environ
    Pipeline.from_spec(spec)
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"


def test_faiss_is_told_when_it_is_loaded(unset: None) -> None:
    load_faiss()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"


def test_a_command_says_so_before_torch_and_faiss_are_loaded() -> None:
    code = (
        "import os, sys; sys.argv = ['odqa', 'components']\n"
        "import odqa.execution.pipeline\n"
        "from odqa.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(os.environ['OMP_WAIT_POLICY'], {'torch', 'faiss', 'sklearn'} & set(sys.modules))"
    )
    env = {key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"}
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=env
    )
    assert process.stdout.strip().endswith("PASSIVE set()"), process.stdout[-200:] + process.stderr
