"""Tokens and price of every component that can ask an endpoint: ``python -m eval.endpoint_tokens``.

Each runs over the embedded questions twice, against a server on this machine that speaks OpenAI's
protocol and counts words as tokens; its answers are of a fixed form, every tenth order of passages
is unreadable. The second run asks again and has to be answered from the cache. Prices are an
example, in dollars per million tokens.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from pathlib import Path

import pandas as pd

import odqa
from odqa.cache import Cache
from odqa.comparison.usage import usage_frame
from odqa.testing.language_server import LanguageServer, Reply, Request, language_server

#: Pipeline and the stage that asks.
ASKING = {
    "lm-endpoint": "reader",
    "lm-closed-book": "reader",
    "llm-listwise": "ranker",
    "llm-pointwise": "ranker",
    "hyde": "rewriter",
    "multi-query": "rewriter",
}
PROMPT_PRICE, COMPLETION_PRICE = 0.15, 0.60
_PASSAGE = "it was built in the year of the great exhibition and opened by the king " * 4


def answer(request: Request) -> Reply:
    """An order of passages, one word, or a passage, by what is asked for."""
    numbers = re.findall(r"^\[(\d+)\] ", request.prompt, re.M)
    if numbers:
        is_unreadable = sum(map(ord, request.prompt)) % 10 == 0
        return Reply("no order" if is_unreadable else " > ".join(f"[{n}]" for n in numbers[::-1]))
    if "Write Yes or No" in request.prompt:
        return Reply("Yes", top={"Yes": 0.6, "No": 0.3})
    if request.prompt.endswith("Passage:"):
        return Reply(_PASSAGE)
    if "search queries" in request.prompt:
        return Reply("who opened it\nwhen was it opened\nthe opening of the tower")
    return Reply("one answer")


def overrides(pipeline: str, stage: str, url: str) -> list[str]:
    """The endpoint in place of a checkpoint, and nothing that would only take time."""
    keys = {
        "url": url,
        "model": "test",
        "prompt_price": PROMPT_PRICE,
        "completion_price": COMPLETION_PRICE,
    }
    endpoint = [f"{stage}.endpoint.{key}={value}" for key, value in keys.items()]
    local = [] if pipeline == "lm-endpoint" else [f"{stage}.checkpoint=null"]
    return [*endpoint, *local, *([] if stage == "reader" else ["reader=null"])]


def asked(pipeline: str, stage: str, server: LanguageServer, cache: Cache, take: int) -> pd.Series:
    """Figures of two runs of one pipeline."""
    keys = overrides(pipeline, stage, server.url)
    first = odqa.compare([pipeline], overrides=keys, take=take, cache=cache, explain=0)
    requests = len(server.requests)
    server.requests.clear()
    # Without the results of stages the component asks again, and its answers must be kept.
    shutil.rmtree(cache.root / "stages")
    again = odqa.compare([pipeline], overrides=keys, take=take, cache=cache, explain=0)
    (row,) = usage_frame(first).to_dict("records")
    (repeated,) = usage_frame(again).to_dict("records")
    same = all(repeated[name] == row[name] for name in ("requests", "price", "notes"))
    if not same or repeated["from cache"] != row["requests"]:
        raise SystemExit(f"{pipeline}: the second run differs: {row}, {repeated}")
    names = ("component", "prompt tokens", "completion tokens", "price", "notes")
    figures = {name: row[name] for name in names}
    sent = {"requests": requests, "sent again": len(server.requests)}
    return pd.Series({**figures, **sent})


def main() -> None:
    """Write one CSV row a component."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--take", type=int, default=100, help="questions (default: 100)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, language_server(answer) as server:
        cache = Cache(Path(folder))
        rows = []
        for pipeline, stage in ASKING.items():
            server.requests.clear()
            rows.append(asked(pipeline, stage, server, cache, args.take))
    pd.DataFrame(rows).to_csv(sys.stdout, index=False, float_format="%.6g")


if __name__ == "__main__":
    main()
