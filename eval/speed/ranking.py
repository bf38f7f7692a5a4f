"""Ranking 100 candidates: a full forward for each, a shared prefix, keys and values made offline.

python -m eval.speed.ranking
"""

from __future__ import annotations

from contextlib import ExitStack

from scipy.stats import spearmanr

from eval.speed.machine import NO_BFLOAT16
from eval.speed.measure import Measured, interleave, ratios
from eval.speed.options import Options, parse
from eval.speed.ranking_side import ranking_config
from eval.speed.results import spread, table, verdict, write_section
from eval.speed.worker import Worker
from odqa.retro.rank.flops import Ranking, ranking_gflop

CANDIDATES = 100
PRESET = "172m"
WAYS = {
    "naive": "head, naive",
    "prefix": "head, prefix",
    "offline": "head, prefix, keys and values offline",
}
WANTED = {"prefix": 2.5, "offline": 20.0}
TITLE = "Ranking 100 candidates"


def main() -> None:
    """Measure and write the section."""
    options = parse(__doc__ or "", repetitions=3)
    fast = "bfloat16" in options.peaks
    runs = _measure(options, fast)
    gflop = ranking_gflop(ranking_config({"preset": PRESET}), Ranking(candidates=CANDIDATES))
    naive = runs["naive"]
    rows = [
        _row(naive, runs[way], gflop[name], options.peaks["float32"]) for way, name in WAYS.items()
    ]
    lines = [
        options.machine,
        "",
        f"{PRESET} of the paper with a scoring head; a question of a whole chunk, passages of 128 "
        "tokens, one position that sees them. Keys and values lie ready in memory.",
        "",
        table(("fp32", "s", "ratio", "by count", "GFLOP", "GFLOP/s", "of peak"), rows),
        "",
        *(verdict(way, ratios(naive, runs[way])[0], wanted) for way, wanted in WANTED.items()),
        *(f"- {way}: {agreement(naive, runs[way])}." for way in WANTED),
    ]
    if fast:
        low = runs["prefix, bfloat16"]
        gain = spread(*ratios(runs["prefix"], low))
        lines.append(
            f"- prefix in bfloat16: {gain} times fp32, {agreement(runs['prefix'], low)}; the "
            "weights are drawn at random, so scores lie close together."
        )
    else:
        lines.append(f"- bfloat16: {NO_BFLOAT16}, not measured.")
    write_section(options.out, TITLE, "\n".join(lines))


def agreement(one: Measured, other: Measured) -> str:
    """Rank correlation and the largest difference of scores."""
    a, b = (side.replies[0].more["scores"] for side in (one, other))
    furthest = max(abs(x - y) for x, y in zip(a, b, strict=True))
    correlation = float(spearmanr(a, b).statistic)
    return (
        f"rank correlation with {one.name} {correlation:.6f}, scores {furthest:.1e} apart at most"
    )


def _measure(options: Options, fast: bool) -> dict[str, Measured]:
    settings = {**options.settings, "preset": PRESET, "candidates": CANDIDATES}
    ways = {way: {"way": way, "dtype": "float32"} for way in WAYS}
    if fast:
        ways["prefix, bfloat16"] = {"way": "prefix", "dtype": "bfloat16"}
    with ExitStack() as stack:
        workers = [
            stack.enter_context(Worker(name, "eval.speed.ranking_side", {**settings, **way}))
            for name, way in ways.items()
        ]
        return interleave(workers, options.repetitions, "ranking")


def _row(naive: Measured, way: Measured, gflop: float, peak: float) -> list[str]:
    name = WAYS[way.name]
    config = ranking_config({"preset": PRESET})
    whole = ranking_gflop(config, Ranking(candidates=CANDIDATES))["head, naive"]
    speed = gflop / way.seconds
    return [
        name,
        spread(way.seconds, *way.spread),
        spread(*ratios(naive, way)),
        f"{whole / gflop:.2f}",
        f"{gflop:.0f}",
        f"{speed:.1f}",
        f"{speed / peak:.0%}",
    ]


if __name__ == "__main__":
    main()
