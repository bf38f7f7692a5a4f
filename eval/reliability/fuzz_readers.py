"""Every reader of files, with sound files to begin from."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from eval.reliability.fuzz_inputs import changed_bytes, changed_json, changed_json_lines
from odqa.cache import Cache
from odqa.data import dpr_questions, dpr_tsv, nq_open
from odqa.data.beir import read_passages, read_split
from odqa.data.corpus import Corpus
from odqa.data.foreign_run import read_foreign_run
from odqa.data.predictions import read_predictions
from odqa.data.qrels import read_qrels
from odqa.data.query_file import read_query_file
from odqa.data.trec import read_run
from odqa.types import Passage

#: A change of a file's bytes.
Change = Callable[[bytes, Random], bytes]

_SPECS = (
    b"name: a\nretriever: {type: bm25, k: 10}\nranker: {type: cascade, stages: [{type: colbert, k: "
    b"10}, {type: cross_encoder, alpha: 1.0}]}\nreader: {type: extractive}\n",
    b"extends: embedded/bm25\nname: c\nretriever: &r\n  k: 5\n  k1: 1e-3\nreader: null\n",
)
_SPECS_JSON = tuple(
    json.dumps(spec).encode()
    for spec in (
        {
            "name": "b",
            "description": "x",
            "notices": ["a"],
            "device": "cpu",
            "rewriter": {"type": "queries", "path": "q.jsonl", "by": "rrf"},
            "retriever": {
                "fuse": [
                    {"type": "sentence", "index": {"type": "hnsw", "links": 16}},
                    {"type": "dpr", "id": "second", "index": {"type": "ivfpq", "lists": 4}},
                ],
                "weights": [1.0, 2.0],
            },
            "ranker": [
                {"type": "retro", "mode": "head", "k": 10},
                {"type": "run", "path": "r.trec"},
            ],
            "reader": {"type": "retro", "layout": "closed-book", "beams": 2},
        },
        {"name": "d", "retriever": None, "reader": {"type": "predictions", "path": "p.json"}},
    )
)
_SETS = (
    *(b"ranker.k=50", b"reader=null", b"ranker.type=retro", b"retriever.query_prefix=query: "),
    *(
        b"retriever.index={type: flat}",
        b"ranker.stages.0.k=20",
        b"ranker={fuse: [{type: colbert}]}",
    ),
)
#: The spec that they change, in one file: `pipelines/embedded/sbert-colbert-cross-encoder.yaml`
#: extends two others, whose reading would take most of the time.
_SET_SPEC = """name: a
retriever: {type: sentence, checkpoint: "embedded:sentence", k: 100}
ranker:
  type: cascade
  k: 10
  stages:
    - {type: colbert, checkpoint: "embedded:colbert", k: 10, alpha: 20}
    - {type: cross_encoder, checkpoint: "embedded:cross-encoder", max_length: 192, alpha: 2.5}
reader: {type: extractive, checkpoint: "embedded:reader", passages: 5, compare: odds}
"""
_BENCHMARK = {
    "name": "b",
    "data": {"corpus": "embedded", "questions": "embedded", "take": 3, "seed": 1},
    "pipelines": ["embedded/bm25"],
    "baseline": "bm25",
    "latency": 3,
    "explain": 2,
    "overrides": ["retriever.k=5"],
}
_EXPECTED = {
    "benchmark": "b",
    "data": "0" * 32,
    "questions": 3,
    "specs": {"bm25": "36e38c3523ba3bd0"},
    "scores": {"bm25": {"em": {"value": 0.4, "low": 0.38, "high": 0.42}}},
}
_RECIPE = {
    "name": "a",
    "task": "colbert",
    "seed": 1,
    "start": None,
    "data": {
        "root": "data",
        "corpus": "c.tsv",
        "questions": "q.jsonl",
        "qrels": "q.qrels",
        "reading": {"squad": "s.jsonl.gz"},
        "weights": {"nq": 1.0, "squad": 0.5},
        "candidates": ["nq.run"],
        "teacher": "t.run",
    },
    "negatives": {"count": 2},
    "lora": {"r": 8},
    "optim": {"steps": 2, "batch": 1, "lr": 1e-3, "evaluate_every": 1},
    "settings": {"dim": 32, "doc_maxlen": 64},
}
_TSV = b'id\ttext\ttitle\n1\t"a ""b"" c"\tT\n2\tplain\tU\n3\t"two\nlines"\t"V"\n'
_BEIR = (
    b'{"_id": "1", "title": "t", "text": "x", "metadata": {}}\n{"_id": "2", "text": null}\n',
    b'{"id": "0", "contents": "\\"Kelda\\"\\nThe lighthouse"}\n{"id": 1, "contents": "x"}\n',
)
_QUERIES = b'{"_id": "q1", "text": "who"}\n{"_id": "q2", "text": "what", "metadata": {}}\n'
_BEIR_QRELS = b"query-id\tcorpus-id\tscore\nq1\t1\t1\nq2\t2\t0\nq1\t1\t1.0\n"
_QUESTIONS = (
    b'{"id": "a", "question": "who", "answer": ["x", "y"]}\n{"question": "what", "answer": "z"}\n',
    b'{"id": "t0", "question": "who", "golden_answers": ["x"], "metadata": {}}\n',
    b'{"id": "k", "input": "who", "output": [{"answer": "x"}, {"provenance": []}]}\n',
    b'{"question_id": "q", "question": "who", "answer": {"value": "x", "aliases": ["x", 1931]}}\n',
    b'{"id": 0, "question": "who", "possible_answers": "[\\"x\\"]"}\n',
    b'{"id": "s", "question": "who", "answers": {"text": ["x"], "answer_start": [0]}}\n',
)
_QA_CSV = (
    b'who is it?\t[\'x\', "y"]\nwhat\t["z"]\n',
    b'id\tquestion\tpossible_answers\n1\twho\t"[""x""]"\n',
)
_DPR = tuple(
    json.dumps(data).encode()
    for data in (
        [{"question": "who", "answers": ["x"], "positive_ctxs": [], "hard_negative_ctxs": []}],
        {
            "data": [
                {
                    "paragraphs": [
                        {"qas": [{"id": "1", "question": "a", "answers": [{"text": "x"}]}]}
                    ]
                }
            ]
        },
        {
            "Data": [
                {"Question": "a", "QuestionId": "t", "Answer": {"Value": "x", "Aliases": ["x"]}}
            ]
        },
    )
)
_QRELS = (b"q1 0 p1 1\nq1 0 p2 0\nq2 0 p3 2\n", b"qid iter docid rel\nq1 0 p1 1.0\n", b"q1 p1 1\n")
_RUN = b"q1 Q0 p1 1 0.5 t\nq1 Q0 p2 2 0.25 t\nq2 Q0 p3 1 1e-3 t\n"
_RESULTS = json.dumps(
    [
        {
            "id": "q1",
            "question": "who",
            "answers": ["x"],
            "ctxs": [
                {"id": "wiki:1", "title": "t", "text": "x", "score": "1.5", "has_answer": True}
            ],
        },
        {"question": "what", "answers": ["z"], "ctxs": [{"id": "2", "score": 0.5}]},
    ]
).encode()
_SQUAD_PREDICTIONS = b'{"q1": "x", "q2": ""}'
_NQ_PREDICTIONS = (
    b'{"question": "who", "prediction": "x"}\n{"id": "q2", "question": "what", "prediction": ""}\n'
)
_QUERY_FILE = (
    b'{"id": "q1", "question": "who", "queries": ["who is", "a"]}\n'
    b'{"question": "b", "queries": ["c"]}\n'
)
_CORPUS = Corpus.from_passages([Passage(str(n), f"text {n}") for n in (1, 2, 3)])


@dataclass(frozen=True, slots=True)
class FuzzedReader:
    """One reader: its file's name, sound files, how they are changed, and what reads them."""

    file: str
    seeds: tuple[bytes, ...]
    changes: tuple[Change, ...]
    read: Callable[[Path], object]

    def data(self, source: Random) -> bytes:
        """One input."""
        return source.choice(self.changes)(source.choice(self.seeds), source)


def readers(folder: Path) -> dict[str, FuzzedReader]:
    """All of them by name; ``folder`` is for files that some need beside the one that changes."""
    from odqa.regression.expected import read_expected
    from odqa.spec.benchmark import load_benchmark
    from odqa.spec.pipeline import load_pipeline
    from odqa.training.load_recipe import load_recipe

    lines, whole = (changed_bytes, changed_json_lines), (changed_bytes, changed_json)

    def spec(path: Path) -> None:
        pipeline = load_pipeline(path)
        assert pipeline.hash and pipeline.to_yaml(defaults=True)

    def plain(data: object) -> tuple[bytes, ...]:
        return (json.dumps(data).encode(),)

    return {
        "pipeline spec": FuzzedReader("s.yaml", _SPECS, (changed_bytes,), spec),
        "pipeline spec, values": FuzzedReader("s.yaml", _SPECS_JSON, whole, spec),
        "words of --set": FuzzedReader("set.txt", _SETS, (changed_bytes,), _set(folder)),
        "benchmark spec": FuzzedReader("b.yaml", plain(_BENCHMARK), whole, load_benchmark),
        "expected scores": FuzzedReader("e.yaml", plain(_EXPECTED), whole, read_expected),
        "recipe": FuzzedReader("r.yaml", plain(_RECIPE), whole, load_recipe),
        "corpus TSV": FuzzedReader("p.tsv", (_TSV,), (changed_bytes,), _tsv),
        "corpus TSV, gzipped": FuzzedReader(
            "p.tsv.gz", (gzip.compress(_TSV, mtime=0),), (changed_bytes,), _tsv
        ),
        "corpus JSON lines": FuzzedReader("corpus.jsonl", _BEIR, lines, _jsonl_corpus),
        "BEIR queries": FuzzedReader("queries.jsonl", (_QUERIES,), lines, _beir(folder, "queries")),
        "BEIR qrels": FuzzedReader(
            "test.tsv", (_BEIR_QRELS,), (changed_bytes,), _beir(folder, "qrels")
        ),
        "questions, JSON lines": FuzzedReader(
            "q.jsonl", _QUESTIONS, lines, lambda path: nq_open.read_questions(path).fingerprint
        ),
        "questions, table": FuzzedReader(
            "q.csv", _QA_CSV, (changed_bytes,), lambda p: dpr_questions.read_qa_csv(p).fingerprint
        ),
        "questions, JSON": FuzzedReader(
            "q.json", _DPR, whole, lambda path: dpr_questions.read_dpr_json(path).fingerprint
        ),
        "qrels": FuzzedReader("q.qrels", _QRELS, (changed_bytes,), read_qrels),
        "TREC run": FuzzedReader("r.trec", (_RUN,), (changed_bytes,), read_run),
        "DPR results": FuzzedReader(
            "r.json", (_RESULTS,), whole, lambda path: read_foreign_run(path, _CORPUS)
        ),
        "predictions, SQuAD": FuzzedReader(
            "a.json", (_SQUAD_PREDICTIONS,), whole, read_predictions
        ),
        "predictions, NQ-open": FuzzedReader(
            "a.jsonl", (_NQ_PREDICTIONS,), lines, read_predictions
        ),
        "query file": FuzzedReader("w.jsonl", (_QUERY_FILE,), lines, read_query_file),
        **_cached(folder),
    }


def run_folder_readers(run: Path) -> dict[str, FuzzedReader]:
    """`odqa.Comparison.load` of a copy of a finished run, one of its files changed each time."""
    from odqa.comparison.folder import load

    def reader(file: Path) -> FuzzedReader:
        changes = {
            ".json": (changed_bytes, changed_json),
            ".jsonl": (changed_bytes, changed_json_lines),
        }

        def read(path: Path) -> None:
            with _in_place(file, path):
                load(run)

        return FuzzedReader(
            "file", (file.read_bytes(),), changes.get(file.suffix, (changed_bytes,)), read
        )

    files = sorted(
        path for path in run.rglob("*") if path.is_file() and path.stat().st_size < 100_000
    )
    return {f"run folder, {file.relative_to(run)}": reader(file) for file in files}


def _set(folder: Path) -> Callable[[Path], object]:
    from odqa.spec.pipeline import load_pipelines

    spec = folder / "words.yaml"
    spec.write_text(_SET_SPEC, encoding="utf-8")

    def read(path: Path) -> None:
        word = path.read_bytes().decode("utf-8", "surrogateescape")
        load_pipelines([spec], [word])

    return read


def _tsv(path: Path) -> None:
    Corpus.from_passages(dpr_tsv.read_passages(path))


def _jsonl_corpus(path: Path) -> None:
    Corpus.from_passages(read_passages(path))


def _beir(folder: Path, changed: str) -> Callable[[Path], object]:
    beir = folder / f"beir-{changed}"
    (beir / "qrels").mkdir(parents=True, exist_ok=True)
    (beir / "queries.jsonl").write_bytes(_QUERIES)
    (beir / "qrels" / "test.tsv").write_bytes(_BEIR_QRELS)
    target = beir / ("queries.jsonl" if changed == "queries" else "qrels/test.tsv")

    def read(path: Path) -> None:
        shutil.copyfile(path, target)
        questions, _ = read_split(beir, "test")
        assert questions.fingerprint

    return read


def _cached(folder: Path) -> dict[str, FuzzedReader]:
    cache = Cache(folder / "cache")

    def artifact() -> Path:
        return cache.artifact("fuzz", {"a": 1}, lambda work: (work / "f").write_text("hello"))

    final = artifact()

    def read(path: Path) -> None:
        shutil.copyfile(path, final / "manifest.json")
        assert (artifact() / "f").read_text() == "hello"

    sound = (final / "manifest.json").read_bytes()
    # As version 0.1.0 wrote it: no checksum, and of the file only its size and SHA-256.
    earlier = json.loads(sound)
    del earlier["checksum"]
    file = earlier["files"]["f"]
    earlier["files"]["f"] = {"bytes": file["bytes"], "sha256": file["sha256"]}
    seeds = (sound, json.dumps(earlier).encode())
    changes = (changed_bytes, changed_json)
    return {"cache manifest": FuzzedReader("manifest.json", seeds, changes, read)}


@contextmanager
def _in_place(file: Path, changed: Path) -> Iterator[None]:
    sound = file.read_bytes()
    shutil.copyfile(changed, file)
    try:
        yield
    finally:
        file.write_bytes(sound)
