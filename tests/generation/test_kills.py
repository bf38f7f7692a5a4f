"""Runs that are killed or interrupted between requests lose those in flight and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from odqa.testing.language_server import LanguageServer, Request, language_server
from odqa.testing.toys import PASSAGES

PROGRAM = """
from odqa.testing.toys import toy_components
from odqa.cli.main import main
with toy_components():
    main()
"""
KEY = "sk-s3cret-key"
N, PARALLEL = 12, 2

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = "".join(f"{p.id}\t{p.text}\t{p.title}\n" for p in PASSAGES)
    (tmp_path / "passages.tsv").write_text("id\ttext\ttitle\n" + rows)
    lines = (f'{{"id": "q{n}", "question": "who is {n}", "answer": ["x"]}}\n' for n in range(N))
    (tmp_path / "dev.jsonl").write_text("".join(lines))
    return tmp_path


def start(folder: Path, server: LanguageServer, *options: str) -> subprocess.Popen[str]:
    (folder / "asked.yaml").write_text(
        "name: asked\nretriever: null\nreader:\n  type: lm\n  passages: 0\n  endpoint:\n"
        f"    url: {server.url}\n    model: m\n    key_variable: A_KEY\n    parallel: {PARALLEL}\n"
    )
    environment = {"ODQA_CACHE": str(folder / "cache"), "A_KEY": KEY, "ODQA_MLFLOW_SECONDS": "60"}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "run", "asked.yaml", "-d", "./dev", *options],
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_what_was_answered_is_not_asked_again(folder: Path, number: signal.Signals) -> None:
    go_on = threading.Event()

    def answer(request: Request) -> str:
        # Some are answered, and those that come then wait.
        if len(server.requests) > N // 2 and not go_on.wait(timeout=120):
            raise TimeoutError
        return "Nobody"

    with language_server(answer) as server:
        process = start(folder, server)
        deadline = time.monotonic() + 120
        while len(server.requests) < N // 2 + PARALLEL and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(number)
        go_on.set()
        process.communicate(timeout=120)
        assert process.returncode != 0
        sent = len(server.requests)
        assert sent <= N // 2 + PARALLEL
        again = start(folder, server)
        printed, _ = again.communicate(timeout=300)
        assert again.returncode == 0, printed
        lost = len(server.requests) - N
        assert 0 <= lost <= PARALLEL
        assert {r.headers["authorization"] for r in server.requests} == {f"Bearer {KEY}"}


def test_no_key_is_left_by_a_command(folder: Path) -> None:
    with language_server(lambda request: request.headers["authorization"]) as server:
        process = start(folder, server, "--mlflow", f"sqlite:///{folder / 'mlflow.db'}")
        printed, _ = process.communicate(timeout=300)
        assert process.returncode == 0, printed
        server.answer = lambda request: pytest.fail("asked again")
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any("[key]" in path.read_text(errors="replace") for path in files)
    for text in (printed.encode(), *(path.read_bytes() for path in files)):
        assert b"s3cret" not in text
