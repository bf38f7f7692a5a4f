from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def odqa(*words: str, cwd: Path = ROOT, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "odqa.cli.main", *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        timeout=300,
    )


def refused(*words: str, cwd: Path = ROOT, **env: str) -> str:
    """The one line of a refusal; anything else fails the test."""
    done = odqa(*words, cwd=cwd, **env)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['odqa', '--help']\n"
        "from odqa.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'pandas', 'mlflow', 'pydantic', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip().endswith("[]"), done.stdout[-200:]
    for command in ("compare", "run", "ask", "index", "validate", "components", "schema", "doctor"):
        assert command in done.stdout


def test_components_lists_every_type() -> None:
    done = odqa("components", "ranker")
    assert done.returncode == 0, done.stderr
    assert "ranker colbert" in done.stdout and "map: " in done.stdout
    assert "did you mean 'ranker'" in refused("components", "rankr")


def test_schema_accepts_our_specs_and_refuses_a_typo() -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    import yaml

    schema = json.loads(odqa("schema").stdout)
    for path in sorted((ROOT / "pipelines").rglob("*.yaml")):
        jsonschema.validate(yaml.safe_load(path.read_text()), schema)
    wrong = {"name": "x", "retriever": {"type": "bm25", "kk": 3}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, schema)


def test_validate_prints_hashes_and_every_problem(tmp_path: Path) -> None:
    done = odqa("validate")
    assert done.returncode == 0, done.stderr
    assert "embedded/retro: retro [" in done.stdout
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text("name: one\nretriever: {type: bm25, kk: 3}\n")
    two.write_text("name: two\nretriever: {type: bm26}\n")
    said = refused("validate", str(one), str(two))
    assert f"{one}:2: retriever.kk: unknown key 'kk'; did you mean 'k'?" in said
    assert f"{two}:2: retriever.type: unknown retriever type 'bm26'; did you mean 'bm25'?" in said


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("compare", "nope.yaml"), "nope.yaml: no such spec file"),
        (("compare", "retr"), "did you mean 'retro'"),
        (("compare", "bm25", "bm25"), "the name 'bm25' is taken"),
        (("compare", "bm25", "--data", "nowhere/dev"), "nowhere"),
        (("compare", "bm25", "--set", "retriever.k=0"), "--set retriever.k=0: retriever.k"),
        (("compare", "bm25", "--out", "/proc/none"), "cannot be made"),
        (("compare", "bm25", "--cache", "/proc/none"), "cannot be written"),
        (("ask", "  "), "the question is empty"),
        (("compare", "--take", "0"), "take"),
        (("compare", "--tkae", "3"), "No such option"),
        (("schema", "pipelin"), "did you mean 'pipeline'"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(words: tuple[str, ...], line: str, tmp_path: Path) -> None:
    assert line in refused(*words, cwd=tmp_path)
