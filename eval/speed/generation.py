"""Generation: what a new token costs with the cache, by length, and without it.

python -m eval.speed.generation
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Mapping, Sequence

from eval.speed.measure import Measured, interleave
from eval.speed.options import Options, parse
from eval.speed.results import spread, table, verdict, write_section
from eval.speed.sizes import Sizes
from eval.speed.worker import Reply, Worker

TOKENS = 256
SIZES = Sizes(batch=1, tokens=TOKENS)
LENGTHS = tuple(range(SIZES.chunk - 2, TOKENS, SIZES.chunk))
"""Where both ways are compared: near the end of every chunk, not where it ends and is retrieved."""
WANTED = 10.0


def main() -> None:
    """Measure and write the section."""
    options = parse(__doc__ or "", repetitions=3)
    found = _measure(options)
    cached, uncached = found["cached"], found["uncached"]
    rows = []
    for length in LENGTHS:
        window = ordinary(length, SIZES.chunk)
        fast, slow = by_turn(cached, window), by_turn(uncached, [length])
        gain = [a / b for a, b in zip(slow, fast, strict=True)]
        rows.append([str(length), _ms(fast), _ms(slow), _three(gain)])
    ends = by_turn(cached, range(SIZES.chunk, TOKENS + 1, SIZES.chunk))
    first, last = (
        statistics.median(by_turn(cached, ordinary(length, SIZES.chunk)))
        for length in (LENGTHS[0], LENGTHS[-1])
    )
    times = statistics.median(by_turn(uncached, LENGTHS[-1:])) / last
    lines = [
        options.machine,
        "",
        f"The model of the section above, batch 1, {SIZES.neighbours} neighbours for each chunk, "
        "nothing encoded ahead. Cached is the median over the chunk that the length stands in, "
        "without its last token, which retrieves and encodes. Uncached reads out one position.",
        "",
        table(("tokens so far", "cached, ms", "uncached, ms", "ratio"), rows),
        "",
        verdict(f"cached to uncached near {TOKENS} tokens", times, WANTED),
        f"- A token near {LENGTHS[-1]} costs {last / first:.2f} times one near {LENGTHS[0]}.",
        f"- A token that ends a chunk takes {_ms(ends)} ms: it encodes the chunk's neighbours.",
        f"- Best logits of both ways differ by {furthest(cached, uncached):.1e} at most.",
    ]
    write_section(options.out, "Generation with and without the cache", "\n".join(lines))


def ordinary(length: int, chunk: int) -> range:
    """Lengths in the chunk of ``length`` whose token neither ends it nor opens it."""
    begin = (length - 1) // chunk * chunk
    return range(begin + 2, begin + chunk)


def by_turn(side: Measured, lengths: Sequence[int]) -> list[float]:
    """For each turn the median seconds of a token at these lengths."""
    return [
        statistics.median(_at(reply, "seconds")[str(length)] for length in lengths)
        for reply in side.replies
    ]


def furthest(one: Measured, other: Measured) -> float:
    """Largest difference of the best logits, wherever both ways were asked."""
    a, b = (_at(side.replies[0], "best") for side in (one, other))
    return max(abs(a[length] - b[length]) for length in b)


def _at(reply: Reply, key: str) -> Mapping[str, float]:
    values: Mapping[str, float] = reply.more[key]
    return values


def _measure(options: Options) -> dict[str, Measured]:
    settings = {**options.settings, "sizes": dataclasses.asdict(SIZES), "lengths": LENGTHS}
    side = "eval.speed.generation_side"
    with (
        Worker("cached", side, {**settings, "way": "cached"}) as cached,
        Worker("uncached", side, {**settings, "way": "uncached"}) as uncached,
    ):
        return interleave([cached, uncached], options.repetitions, "generation")


def _three(values: Sequence[float]) -> str:
    return spread(statistics.median(values), min(values), max(values), ".1f")


def _ms(seconds: Sequence[float]) -> str:
    return _three([1000 * value for value in seconds])


if __name__ == "__main__":
    main()
