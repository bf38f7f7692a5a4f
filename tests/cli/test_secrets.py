"""Passwords and tokens come from the environment and are written nowhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from odqa.testing.toys import PASSAGES, QUESTIONS

SECRETS = {
    "MLFLOW_TRACKING_URI": "http://somebody:s3cret-one@127.0.0.1:9",
    "MLFLOW_TRACKING_PASSWORD": "s3cret-two",
    "MLFLOW_TRACKING_TOKEN": "s3cret-three",
    "HF_TOKEN": "hf_s3cretfour",
    "AWS_SECRET_ACCESS_KEY": "s3cret-five",
}
PROGRAM = """
import sys
from odqa.testing.toys import toy_components
from odqa.cli.main import main
with toy_components():
    main()
"""


def odqa(folder: Path, *args: str, **environment: str) -> str:
    """Everything that a command prints."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *args],
        cwd=folder,
        env={**os.environ, "ODQA_CACHE": str(folder / "cache"), **SECRETS, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = "".join(f"{p.id}\t{p.text}\t{p.title}\n" for p in PASSAGES)
    (tmp_path / "passages.tsv").write_text("id\ttext\ttitle\n" + rows)
    (tmp_path / "dev.jsonl").write_text(
        "".join(f'{{"id": "{q.id}", "question": "{q.text}", "answer": ["x"]}}\n' for q in QUESTIONS)
    )
    (tmp_path / "toy.yaml").write_text(
        "{name: toy, retriever: {type: overlap, k: 2}, reader: {type: first_word}}"
    )
    return tmp_path


def test_no_secret_is_printed_or_kept(folder: Path) -> None:
    printed = odqa(folder, "run", "toy.yaml", "-d", "./dev")
    assert "not logged to http://somebody:…@127.0.0.1:9" in printed
    uri = "postgresql://somebody:s3cret@six@127.0.0.1:9/x"
    printed += odqa(folder, "run", "toy.yaml", "-d", "./dev", "--mlflow", uri)
    printed += odqa(folder, "validate", "no-such-spec.yaml")
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(list((folder / "runs").glob("*/manifest.json"))) == 2
    for text in (printed.encode(), *(path.read_bytes() for path in files)):
        assert b"s3cret" not in text
    manifests = list((folder / "runs").glob("*/manifest.json"))
    assert any("…@127.0.0.1:9/x" in path.read_text(encoding="utf-8") for path in manifests)


def test_doctor_names_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    from odqa.cli import doctor

    monkeypatch.setenv("MLFLOW_TRACKING_URI", SECRETS["MLFLOW_TRACKING_URI"])
    assert "store http://…@127.0.0.1:9" in doctor._mlflow().state


def test_odqa_starts_no_server() -> None:
    import odqa

    for path in Path(odqa.__file__).parent.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"HTTPServer|\.bind\(\(|serve_forever|uvicorn", text)
