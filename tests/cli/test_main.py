from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def odqa(*args: str, cwd: Path = ROOT, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "odqa.cli.main", *args],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)} | env,
        timeout=300,
    )


def refused(*args: str, cwd: Path = ROOT, **env: str) -> str:
    """The one line of a refusal; anything else fails the test."""
    process = odqa(*args, cwd=cwd, **env)
    assert process.returncode == 2, process.stdout + process.stderr
    assert "Traceback" not in process.stderr
    return process.stderr


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['odqa', '--help']\n"
        "from odqa.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'pandas', 'mlflow', 'pydantic', 'pyarrow'} & set(sys.modules)))"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert process.stdout.strip().endswith("[]"), process.stdout[-200:]
    for command in ("compare", "run", "ask", "index", "validate", "check", "reproduce", "teach"):
        assert command in process.stdout


def test_components_lists_every_type() -> None:
    process = odqa("components", "ranker")
    assert process.returncode == 0, process.stderr
    assert "ranker colbert" in process.stdout
    assert "map: intra-passage dynamic x query-document" in process.stdout
    assert "fusion rrf  (odqa)" in odqa("components", "fusion").stdout
    assert "did you mean 'ranker'" in refused("components", "rankr")


def test_schema_is_json_of_every_type() -> None:
    schema = json.loads(odqa("schema").stdout)
    assert {"retriever-bm25", "ranker-colbert", "reader-extractive"} <= set(schema["$defs"])
    assert "pipelines" in json.loads(odqa("schema", "benchmark").stdout)["properties"]


def test_validate_prints_hashes_and_every_problem(tmp_path: Path) -> None:
    process = odqa("validate")
    assert process.returncode == 0, process.stderr
    assert "embedded/retro: retro [" in process.stdout
    first, second = tmp_path / "one.yaml", tmp_path / "two.yaml"
    first.write_text("name: one\nretriever: {type: bm25, kk: 3}\n")
    second.write_text("name: two\nretriever: {type: bm26}\n")
    errors = refused("validate", str(first), str(second))
    assert f"{first}:2: retriever.kk: unknown key 'kk'; did you mean 'k'?" in errors
    assert (
        f"{second}:2: retriever.type: unknown retriever type 'bm26'; did you mean 'bm25'?" in errors
    )


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("compare", "nope.yaml"), "nope.yaml: no such spec file"),
        (("compare", "retr"), "did you mean 'retro'"),
        (("compare", "bm25", "bm25"), "the name 'bm25' is taken"),
        (("compare", "bm25", "--data", "nowhere/dev"), "nowhere"),
        (("compare", "bm25", "--set", "retriever.k=0"), "--set retriever.k=0: retriever.k"),
        (("compare", "bm25", "--out", "/proc/none"), "cannot be made"),
        (("compare", "bm25", "--cache", "/proc/none"), "cannot be written"),
        (("ask", "  "), "the question is empty"),
        (("compare", "--take", "0"), "Invalid value for '--take'"),
        (("compare", "--tkae", "3"), "odqa: No such option: --tkae"),
        (("compare", "--latency", "x"), "Invalid value for '--latency'"),
        (("ask",), "odqa: Missing argument 'question'; see odqa ask --help"),
        (("comapre",), "odqa: No such command 'comapre'"),
        (("compare", "bm25", "--oracle", "reader"), "Invalid value for '--oracle'"),
        (("compare", str(ROOT / "tests")), "tests: no run folder; pass a folder that odqa compare"),
        (("export", "nowhere", "--format", "trec", "--to", "x"), "nowhere: no run folder"),
        (("schema", "pipelin"), "did you mean 'pipeline'"),
        (("compare", "embedded/bm25", "--set", "ranker.k=5"), "no pipeline has a ranker"),
        (("compare", "embedded/bm25", "--baseline", "bm26"), "no pipeline 'bm26'; did you mean"),
        (("compare", str(ROOT / "eval/nq-mini.yaml"), "-d", "x/y"), "brings its own data"),
        (("compare", str(ROOT / "eval/nq-mini.yaml"), "bm25"), "a benchmark is compared alone"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    args: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    errors = refused(*args, cwd=tmp_path)
    assert message in errors
    assert len(errors.strip().splitlines()) == 1
    # Nothing half-written stays behind, not even an empty run folder.
    assert not list((tmp_path / "runs").glob("*"))


def test_without_arguments_the_help_comes() -> None:
    process = odqa()
    assert process.returncode == 2
    assert process.stderr.startswith("Usage: odqa") and "compare" in process.stderr


def test_validate_collects_problems_of_benchmarks_and_pipelines(tmp_path: Path) -> None:
    bench, spec = tmp_path / "bench.yaml", tmp_path / "spec.yaml"
    bench.write_text("name: b\npipelines: [bm25]\n")
    spec.write_text("name: s\n")
    errors = refused("validate", str(bench), str(spec), "bm25")
    assert f"odqa: {bench}:1: data: this key is missing; add it" in errors
    assert f"odqa: {spec}:1: retriever: no retriever; add one" in errors


PLUGIN = """\
import os
import signal
from pathlib import Path
from odqa.interfaces import Retriever, StageConfig
from odqa.types import Hit

class First(Retriever[StageConfig]):
    Config = StageConfig
    def prepare(self, corpus, cache):
        self.ids = corpus.ids(range(self.config.k))
    def retrieve(self, questions, k):
        with open(os.environ["ASKED"], "a") as log:
            log.writelines(q.id + "\\n" for q in questions)
        if "DIE" in os.environ and len(Path(os.environ["ASKED"]).read_text().split()) > 40:
            # Background jobs, which these tests may be, ignore Ctrl-C.
            if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
                signal.signal(signal.SIGINT, signal.default_int_handler)
            os.kill(os.getpid(), int(os.environ["DIE"]))
        return [[Hit(id, -float(n)) for n, id in enumerate(self.ids[:k])] for _ in questions]
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with an installed plug-in: a retriever that can be interrupted."""
    folder = tmp_path / "site"
    facts = folder / "odqa_first-1.dist-info"
    facts.mkdir(parents=True)
    (folder / "odqa_first.py").write_text(PLUGIN)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: odqa-first\nVersion: 1\n")
    (facts / "entry_points.txt").write_text("[odqa.retrievers]\nfirst = odqa_first:First\n")
    return folder


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_so_and_goes_on_where_it_stopped(
    site: Path, tmp_path: Path, signal_number: signal.Signals
) -> None:
    spec = tmp_path / "first.yaml"
    spec.write_text("name: first\nretriever: {type: first, k: 3}\n")
    log = tmp_path / "asked"
    env = {"PYTHONPATH": f"{ROOT}{os.pathsep}{site}", "ASKED": str(log)}
    args = ("compare", str(spec), "--cache", str(tmp_path / "cache"), "--latency", "0")
    args = (*args, "--mlflow", "off")
    stopped = odqa(*args, cwd=tmp_path, **env, DIE=str(signal_number.value))
    assert stopped.returncode == 128 + signal_number
    go_on = f"odqa: interrupted; what was finished is kept, to go on: odqa compare {spec} --cache"
    assert go_on in stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert not list((tmp_path / "runs").glob("*"))
    first_ids = log.read_text().split()
    log.write_text("")
    finished = odqa(*args, cwd=tmp_path, **env)
    assert finished.returncode == 0, finished.stderr
    assert len(log.read_text().split()) == 100 - 32
    assert not set(log.read_text().split()) & set(first_ids[:32])
    (folder,) = (tmp_path / "runs").iterdir()
    assert (folder / "manifest.json").is_file()


def test_one_broken_plug_in_does_not_hide_the_others(site: Path, tmp_path: Path) -> None:
    (site / "odqa_first.py").write_text("1 / 0\n")
    process = odqa("components", PYTHONPATH=f"{ROOT}{os.pathsep}{site}")
    assert process.returncode == 2
    assert "retriever first  (odqa-first)\n  broken: " in process.stdout
    assert "ZeroDivisionError" in process.stdout and "reader extractive" in process.stdout
