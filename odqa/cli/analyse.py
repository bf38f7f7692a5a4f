"""``odqa analyse``: questions about finished runs, one command each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from odqa.cli.options import CacheFolder
from odqa.cli.output import echo

app = typer.Typer(
    help="Questions about results: agreement of rankings and with people, score interpolation, "
    "surface form, pooling.",
    no_args_is_help=True,
)

CorpusName = Annotated[
    str, typer.Argument(help="embedded, a DPR .tsv(.gz), a BEIR folder, or hf:OWNER/NAME:SPLIT.")
]
Qrels = Annotated[Path, typer.Argument(help="Relevance judgements: TREC qrels, or BEIR's.")]


@app.command("agreement")
def agreement(
    first: Annotated[Path, typer.Argument(help="TREC run, such as ranked.trec of a run folder.")],
    second: Annotated[Path, typer.Argument(help="Another ranking of the same passages.")],
) -> None:
    """How far two rankings of the same passages agree."""
    from odqa.analysis.agreement import compare_run_files

    echo(compare_run_files(first, second))


@app.command("interpolation")
def interpolation(
    retrieved: Annotated[Path, typer.Argument(help="The retriever's TREC run.")],
    ranked: Annotated[Path, typer.Argument(help="The ranker's TREC run over its hits.")],
    qrels: Qrels,
    applied_weight: Annotated[
        float,
        typer.Option(help="How often RANKED's scores hold the retriever's already: its alpha."),
    ] = 0.0,
    weights: Annotated[
        str, typer.Option(help="To try, with commas between them; 0: the ranker alone.")
    ] = "0",
) -> None:
    """What a ranker is worth by the weight of the retriever's score.

    Prints R@1, R@5 and MRR@10 of the order by RANKED's score + weight x RETRIEVED's.
    """
    from odqa.analysis.interpolation import figures_by_weight, parse_weights
    from odqa.analysis.judged_run import figure_line

    parsed_weights = parse_weights(weights)
    for weight, figures in figures_by_weight(
        retrieved, ranked, qrels, applied_weight, parsed_weights
    ):
        echo(figure_line(f"{weight:g}", figures))


@app.command("surface-form")
def surface_form(
    corpus: CorpusName,
    run: Annotated[
        Path, typer.Argument(help="TREC run over the corpus; weights are fitted to it.")
    ],
    qrels: Qrels,
    depth: Annotated[int, typer.Option(min=2, help="Candidates per question.")] = 20,
    evaluate: Annotated[
        tuple[Path, Path] | None,
        typer.Option(metavar="RUN QRELS", help="Another run that the weights are evaluated on."),
    ] = None,
    features: Annotated[
        str | None,
        typer.Option(help="Features to use, with commas between them (default: all)."),
    ] = None,
    cache: CacheFolder = None,
) -> None:
    """Whether the look of passages gives relevant ones away.

    Fits weights of the retriever's score and of a few features of form (such as: ends a sentence),
    and prints the figures of each alone and of both, by five-fold cross-validation.
    """
    from odqa.analysis import surface_form as analysis
    from odqa.analysis.judged_run import read_judged_run
    from odqa.cache import Cache
    from odqa.data.corpora import open_corpus

    feature_names = (
        list(analysis.FEATURES) if features is None else analysis.parse_features(features)
    )
    judged = read_judged_run(run, qrels)
    evaluation_run = read_judged_run(*evaluate) if evaluate else None
    passages = open_corpus(corpus, Cache(cache))
    candidates = analysis.Candidates.of(judged, passages, depth)
    evaluated = analysis.Candidates.of(evaluation_run, passages, depth) if evaluation_run else None
    echo(analysis.surface_form(candidates, evaluated, feature_names))


@app.command("pool")
def pool(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    pipeline: Annotated[str, typer.Argument(help="The pipeline whose retriever is taken.")],
    corpus: CorpusName,
    out: Annotated[Path, typer.Option(help="Folder to write into.")],
    k: Annotated[int, typer.Option("--k", min=1, help="Best passages per question.")] = 20,
    cache: CacheFolder = None,
) -> None:
    """What a run retrieved, as a corpus of its own.

    Writes passages.tsv, first-stage.run and gold.qrels. Search over the pool returns the same best
    passages as over the whole corpus, so that costly rankers can be compared on few.
    """
    from odqa.analysis.pool import read_retrieved, write_pool
    from odqa.cache import Cache
    from odqa.data.corpora import open_corpus

    retrieved = read_retrieved(run, pipeline, k)
    passages = write_pool(retrieved, open_corpus(corpus, Cache(cache)), out)
    echo(f"{out}: {passages:,} passages, {len(retrieved.hits):,} questions")


@app.command("verdicts")
def verdicts(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="VERDICTS", help='JSON lines {"question_id", "prediction", "acceptable"}.'
        ),
    ],
    questions: Annotated[Path, typer.Argument(help="NQ-open .jsonl with ids and answers.")],
    system: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=FILE", help="Predictions of a system, for a table of its own."),
    ] = None,
    judge: Annotated[
        Path | None,
        typer.Option(metavar="SPEC", help="A benchmark spec whose judge is compared too."),
    ] = None,
    cache: CacheFolder = None,
) -> None:
    """How far metrics of answers agree with people, over all answers and by system."""
    from odqa.analysis.verdicts import compare_with_people
    from odqa.cache import Cache
    from odqa.comparison.judge import Judge
    from odqa.data.nq_open import read_questions
    from odqa.errors import RunError
    from odqa.spec.benchmark import load_benchmark

    files = {}
    for text in system or ():
        name, _, path = text.partition("=")
        if not (name and path):
            raise RunError(f"'{text}' is not NAME=FILE", where="--system", cure="dpr=dpr.jsonl")
        files[name] = Path(path)
    model = None
    if judge is not None:
        config = load_benchmark(judge).keys.judge
        if config is None:
            raise RunError("names no judge", where=str(judge), cure="add judge: to it")
        model = Judge(config, Cache(cache))
    echo(compare_with_people(file, read_questions(questions), files, model))
