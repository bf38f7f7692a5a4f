"""The judge: its verdicts, that each is asked for once, and its metric in a comparison."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from odqa.analysis.verdicts import compare_with_people
from odqa.api import compare_benchmark
from odqa.cache import Cache
from odqa.cli.main import main
from odqa.comparison.judge import Item, Judge
from odqa.comparison.result import Comparison
from odqa.comparison.run import run_comparison
from odqa.comparison.verdict import notices
from odqa.data.questions import QuestionSet
from odqa.errors import RunError, SpecErrors
from odqa.regression.reproduce import run_again
from odqa.report.page import render_page
from odqa.spec.benchmark import load_benchmark
from odqa.spec.judge import JudgeConfig
from odqa.spec.pipeline import parse_pipeline
from odqa.testing.language_server import Request, language_server
from odqa.testing.tiny_language_models import tiny_lm
from odqa.testing.toys import PASSAGES, QUESTIONS, toy_dataset

ITEMS = [
    Item(QUESTIONS[0], "the Seine"),
    Item(QUESTIONS[1], "Rhine"),
    Item(QUESTIONS[1], "hm"),
    Item(QUESTIONS[2], " "),
    Item(QUESTIONS[0], "the  Seine"),
]


def verdict(request: Request) -> str:
    given = request.prompt.split("Given answer: ")[1].split("\n")[0]
    return {"the Seine": "**Yes**", "Rhine": "No."}.get(given, "Hard to say")


def judge(cache: Path, url: str, **keys: Any) -> Judge:
    return Judge(JudgeConfig(endpoint={"url": url, "model": "m"}, **keys), Cache(cache))


def test_equal_answers_are_asked_for_once_and_never_again(tmp_path: Path) -> None:
    with language_server(verdict) as server:
        first = judge(tmp_path, server.url)
        assert first.verdicts(ITEMS) == [True, False, None, False, True]
        assert (first.asked, first.unclear, len(server.requests)) == (3, 1, 3)
        prompts = [request.prompt for request in server.requests]
        assert sum("Accepted answers: Thames; River Thames\n" in prompt for prompt in prompts) == 2
        again = judge(tmp_path, server.url, yes="yes")
        assert again.verdicts(ITEMS[:3]) == [True, False, None]
        assert len(server.requests) == 3
        judge(tmp_path, server.url, separator=" or ").verdicts(ITEMS[1:2])
        assert "Thames or River Thames" in server.requests[3].prompt


def test_a_local_judge_keeps_its_verdicts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny_lm(tmp_path / "lm")
    config = JudgeConfig(checkpoint=str(folder), max_answer_tokens=2)
    first = Judge(config, Cache(tmp_path / "cache"))
    verdicts = first.verdicts(ITEMS)
    assert first.asked == 3
    module = "odqa.comparison.judge.open_language_model"
    monkeypatch.setattr(module, lambda *_: pytest.fail("it was loaded again"))
    assert Judge(config, Cache(tmp_path / "cache")).verdicts(ITEMS) == verdicts
    other = JudgeConfig(checkpoint=str(folder), max_answer_tokens=3)
    with pytest.raises(pytest.fail.Exception):
        Judge(other, Cache(tmp_path / "cache")).verdicts(ITEMS)


def benchmark(folder: Path, url: str, **keys: Any) -> Path:
    rows = "".join(f"{p.id}\t{p.text}\t{p.title}\n" for p in PASSAGES)
    (folder / "passages.tsv").write_text("id\ttext\ttitle\n" + rows)
    (folder / "dev.jsonl").write_text(
        "".join(
            json.dumps({"id": q.id, "question": q.text, "answer": list(q.answers)}) + "\n"
            for q in QUESTIONS
        )
    )
    (folder / "toy.yaml").write_text(
        "{name: toy, retriever: {type: overlap, k: 2}, reader: {type: first_word}}"
    )
    spec = {
        "name": "judged",
        "data": {"corpus": "passages.tsv", "questions": "dev.jsonl"},
        "pipelines": ["toy.yaml"],
        "latency": 0,
        "judge": {"endpoint": {"url": url, "model": "m"}},
        **keys,
    }
    path = folder / "judged.yaml"
    path.write_text(yaml.safe_dump(spec))
    return path


def test_is_a_metric_of_a_benchmark(toys: None, tmp_path: Path) -> None:
    def lenient(request: Request) -> str:
        return "No" if "who wrote" in request.prompt else "Yes"

    with language_server(lenient) as server:
        path = benchmark(tmp_path, server.url, metrics=["judge", "em"])
        comparison = compare_benchmark(load_benchmark(path), Cache(tmp_path / "cache"))
        n = len(server.requests)
        answers = comparison.pipelines["toy"].answers
        assert answers is not None
        texts = {q.id: answers[q.id].text for q in QUESTIONS}
        expected = {q.id: float(bool(texts[q.id]) and q.id != "q3") for q in QUESTIONS}
        assert comparison.values("toy", "judge") == expected
        assert n == sum(map(bool, texts.values()))
        comparison.save(tmp_path / "run")
        loaded = Comparison.load(tmp_path / "run")
        again = run_again(loaded, toy_dataset(), Cache(tmp_path / "cache"))
        assert again.values("toy", "judge") == expected
        assert len(server.requests) == n
    (notice,) = [line for line in notices(loaded) if line.startswith("judge")]
    assert notice.startswith(f"judge: {n} different answers judged, 0 of them without a verdict")
    assert "without a verdict" in render_page(loaded)
    assert "judge" in str(loaded.table().columns)


def test_a_metric_without_a_judge_is_refused(toys: None) -> None:
    spec = parse_pipeline("{name: toy, retriever: {type: overlap}, reader: {type: first_word}}")
    with pytest.raises(RunError, match="'judge' needs a language model, and none is named"):
        run_comparison([spec], toy_dataset(), Cache(enabled=False), metrics=["judge"])


def test_a_wrong_key_is_one_line(toys: None, tmp_path: Path) -> None:
    keys = {"judge": {"prompt": "{question} {answer}", "yes": "Yes"}}
    with pytest.raises(SpecErrors, match=r"judge.*prompt has an unknown field \{answer\}"):
        load_benchmark(benchmark(tmp_path, "", **keys))


def test_is_compared_with_people(
    toys: None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    verdicts = tmp_path / "verdicts.jsonl"
    rows = [("q1", "the Seine", True), ("q2", "Rhine", False), ("q2", "hm", True)]
    verdicts.write_text(
        "".join(
            json.dumps({"question_id": q, "prediction": p, "acceptable": a}) + "\n"
            for q, p, a in rows
        )
    )
    with language_server(verdict) as server:
        text = compare_with_people(
            verdicts, QuestionSet("q", QUESTIONS), None, judge(tmp_path / "cache", server.url)
        )
        # Right on two of three, too strict on the one without a verdict.
        (line,) = [line for line in text.splitlines() if " judge " in line]
        assert line.split()[2:] == ["3", "0.667", "0.400", "1", "0"]
        assert "judge: 1 of 3 different answers without a verdict" in text
        path = benchmark(tmp_path, server.url)
        command = ["analyse", "verdicts", str(verdicts), str(tmp_path / "dev.jsonl")]
        options = ["--judge", str(path), "--cache", str(tmp_path / "cache")]
        monkeypatch.setattr(sys, "argv", ["odqa", *command, *options])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code in (0, None)
        assert line in capsys.readouterr().out
        assert len(server.requests) == 3
