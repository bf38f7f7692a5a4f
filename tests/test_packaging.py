"""What pyproject.toml declares resolves at once, by the pip that Python 3.11 ships and by today's.

Bounds that fit together only far from the newest versions make pip try hundreds of combinations:
with an unbounded tokenizers beside `transformers<5`, `pip install .` had not ended after nine
minutes. Only pip's own resolver shows that, so it is run here; uv, which would be faster, resolved
those very bounds in 12 seconds. `--dry-run` installs nothing. What is asserted is how many
candidates pip rejects, not seconds, which tell more about machine and registry: 1 with today's
bounds, 132 and going on with the former ones. All runs go at once, and the time limit, after which
nothing is asserted, bounds the test: together they compute for about 95 seconds.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 300
REJECTED = 20
"""More candidates than these are no longer "at once"; a few are the registry's daily weather."""

PIPS = {"old": "pip==23.2.1", "new": "pip"}
CASES = [("old", ""), ("new", ""), ("new", "[colbert,dev]")]


@dataclass(frozen=True)
class Resolution:
    """One pip at work on one set of extras."""

    process: subprocess.Popen[bytes]
    report: Path
    log: Path

    def wait(self) -> dict[str, str]:
        """Versions by package; skips where the registry does not answer."""
        end = time.monotonic() + SECONDS
        while self.process.poll() is None and time.monotonic() < end:
            assert self.log.read_text().count("Reporter.rejecting_candidate(") <= REJECTED
            time.sleep(0.5)
        said = self.log.read_text()
        assert said.count("Reporter.rejecting_candidate(") <= REJECTED
        if self.process.returncode is None:
            pytest.skip(f"no resolution within {SECONDS} s, but no backtracking either")
        if self.process.returncode and "Retrying (" in said:
            pytest.skip("the package registry cannot be reached")
        assert self.process.returncode == 0, said[-2000:]
        found = [item["metadata"] for item in json.loads(self.report.read_text())["install"]]
        return {re.sub(r"[-_.]+", "-", one["name"]).lower(): one["version"] for one in found}


@pytest.fixture(scope="module")
def resolutions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[object, Resolution]]:
    root = tmp_path_factory.mktemp("resolve")
    project = root / "project"
    project.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, project)
    begun = {case: begin(root, project, *case) for case in CASES}
    yield begun
    for resolution in begun.values():
        resolution.process.kill()
        resolution.process.wait()


def begin(root: Path, project: Path, age: str, extras: str) -> Resolution:
    python = root / age / "bin" / "python"
    if not python.exists():
        venv.create(root / age)
        install = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q"]
        done = subprocess.run([*install, PIPS[age]], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"{PIPS[age]} cannot be had from a package registry")
    report, log = root / f"{age}{extras}.json", root / f"{age}{extras}.log"
    words = ["install", "--dry-run", "--ignore-installed", "--no-input", "--progress-bar", "off"]
    words += ["--disable-pip-version-check", "--report", str(report), f"{project}{extras}"]
    with log.open("w") as out:
        process = subprocess.Popen(
            [str(python), "-m", "pip", *words],
            env=os.environ | {"PIP_RESOLVER_DEBUG": "1"},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    return Resolution(process, report, log)


@pytest.mark.slow
@pytest.mark.parametrize(("age", "extras"), CASES)
def test_pip_resolves_at_once(age: str, extras: str, resolutions: dict[object, Resolution]) -> None:
    found = resolutions[age, extras].wait()
    assert "odqa" in found
    # colbert-ai stops at transformers 4.57; without it everything is current.
    assert ("colbert-ai" in found) == bool(extras)
    assert int(found["transformers"].split(".")[0]) == (4 if extras else 5)


def test_odqa_imports_none_of_its_extras_but_for_plaid() -> None:
    imported = {
        name.split(".")[0]
        for path in (ROOT / "odqa").rglob("*.py")
        if path.name != "colbert_ai.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert "transformers" in imported
    assert not imported & {"colbert", "sentence_transformers"}
