"""``odqa index`` says what an interrupted build took in all of its runs."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest

from odqa.cache import Cache
from odqa.cli.index import index
from odqa.data.corpus import Corpus
from odqa.encoders.sharded import Shard, encode_shards
from odqa.testing.word_overlap import OverlapRetriever

pytestmark = pytest.mark.usefixtures("toys")


def test_seconds_of_earlier_runs_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "passages.tsv").write_text("1\ta\tT\n2\tb\tT\n")
    question = {"id": "q", "question": "who", "answer": ["a"]}
    (tmp_path / "dev.jsonl").write_text(json.dumps(question) + "\n")
    spec = tmp_path / "spec.yaml"
    spec.write_text("{name: toy, retriever: {type: overlap, k: 1}}")
    killed = True

    def encode(start: int, stop: int) -> Shard:
        if killed and start == 1:
            raise KeyboardInterrupt
        time.sleep(0.15)
        return Shard(np.ones((1, 2), np.float32), np.ones(1, np.int64))

    def prepare(self: OverlapRetriever, corpus: Corpus, cache: Cache) -> None:
        self.corpus = corpus
        cache.artifact("vectors", {}, lambda work: encode_shards(work, 2, 2, encode, shard=1))

    monkeypatch.setattr(OverlapRetriever, "prepare", prepare)
    data, cache = str(tmp_path / "dev"), tmp_path / "cache"
    with pytest.raises(KeyboardInterrupt):
        index([str(spec)], data, None, cache)
    capsys.readouterr()
    killed = False
    index([str(spec)], data, None, cache)
    line = capsys.readouterr().out
    assert line.startswith("toy: retriever overlap: ") and line.endswith(" MB\n")
    assert float(line.split(" s after ")[1].split(" s in earlier runs, ")[0]) >= 0.1
    index([str(spec)], data, None, cache)
    assert "earlier runs" not in capsys.readouterr().out
