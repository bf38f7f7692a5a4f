"""``odqa ask``: one question, the answers of several pipelines side by side."""

from __future__ import annotations

from typing import Annotated

import typer

from odqa.cli.options import CacheFolder, Corpus, Data, Set
from odqa.cli.output import echo


def ask(
    question: Annotated[str, typer.Argument(help="The question, in quotes.")],
    pipelines: Annotated[
        list[str] | None,
        typer.Option("--pipeline", "-p", help="Spec file or built-in name. Repeatable."),
    ] = None,
    data: Data = "embedded",
    set_: Set = None,
    evidence: Annotated[int, typer.Option(min=1, help="Passages to show per pipeline.")] = 3,
    cache: CacheFolder = None,
    corpus_name: Corpus = None,
) -> None:
    """Answer one question with evidence."""
    from odqa.api import open_dataset, resolve_pipelines
    from odqa.cache import Cache
    from odqa.errors import DataError
    from odqa.execution.pipeline import Pipeline
    from odqa.types import Question

    if not question.strip():
        raise DataError("the question is empty", cure='write one: odqa ask "who wrote …"')
    specs = resolve_pipelines(pipelines or (), set_ or ())
    store = Cache(cache)
    corpus = open_dataset(data, store, corpus=corpus_name).corpus
    if not len(corpus) and any(spec.retriever is not None for spec in specs):
        what = f"{data} has no passages to search"
        raise DataError(what, where="--data", cure="name some: --corpus FILE")
    query = Question("asked", question)
    for spec in specs:
        pipeline = Pipeline(spec)
        pipeline.prepare(corpus, store)
        output = pipeline.run([query])
        pipeline.close()
        answer = output.answers[0] if output.answers is not None else None
        spent = sum(output.seconds.values())
        answer_text = "(no reader)" if answer is None else answer.text or "(no answer)"
        echo(f"\n{spec.name}: {answer_text}   [{1000 * spent:.0f} ms]")
        for rank, hit in enumerate(output.ranked[0][:evidence], start=1):
            passage = corpus.get(hit.passage_id)
            text = " ".join(passage.text.split())[:160]
            mark = ">" if answer is not None and answer.passage_id == passage.id else " "
            echo(f" {mark}{rank}. {hit.score:9.3f}  {passage.title}: {text}")
