from __future__ import annotations

from itertools import chain

import numpy as np
import pytest

from odqa.cache import Cache
from odqa.data.corpus import Corpus
from odqa.encoders.static import StaticEncoder
from odqa.errors import DataError
from odqa.retro.create.byte_tokenizer import ByteTokenizer
from odqa.retro.offline.chunk_database import ChunkDatabase
from odqa.testing.tiny_checkpoints import tiny_bert
from odqa.training.data.lm_batches import IGNORED, DocumentSchedule, collate_documents
from odqa.training.data.lm_documents import (
    Document,
    random_neighbours,
    split_passages,
    training_documents,
    unseen_documents,
)
from odqa.types import Passage

M, K = 4, 2
TEXTS = [
    "the river flows through the north of the city",
    "the river flows by the tower of the king",
    "a poem was written by the king in the last century",
    "the engine was built in the north in a year of the century",
]
TRAIN = [Passage(f"p{i}", text, f"title {i // 2}") for i, text in enumerate(TEXTS)]
NEW = [
    Passage("n0", "the river flows through the tower", "title 0"),
    Passage("n1", "a", "title 9"),
    Passage("n2", "the engine of the king", "title 9"),
]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> ChunkDatabase:
    folder = tmp_path_factory.mktemp("lm")
    keys = StaticEncoder(str(tiny_bert(folder / "bert")), TEXTS)
    tokenizer = ByteTokenizer.train(TEXTS, 300)
    database = ChunkDatabase(tokenizer, keys, chunk_length=M, metric="ip")
    database.prepare(Corpus.from_passages(TRAIN), Cache(folder / "cache"))
    return database


def split(per_title: int = 1, seed: int = 0, validation: int = 2) -> tuple[list[str], ...]:
    passages = [Passage(str(i), "text", f"t{min(i, 6) // 2}") for i in range(12)]
    split = split_passages(
        passages, validation=validation, test=3, per_title=per_title, seed=seed, where="corpus"
    )
    return tuple([p.id for p in part] for part in (split.train, split.validation, split.test))


def test_the_parts_share_nothing_and_hold_everything() -> None:
    train, validation, test = split()
    assert (len(train), len(validation), len(test)) == (7, 2, 3)
    assert sorted([*train, *validation, *test], key=int) == [str(i) for i in range(12)]
    assert split() == (train, validation, test)
    assert split(seed=1) != (train, validation, test)


def test_only_titles_with_enough_passages_are_used() -> None:
    # Titles t0, t1 and t2 have two passages each, t3 has six.
    parts = split(per_title=3, validation=1)
    assert sorted(chain(*parts), key=int) == [str(i) for i in range(6, 12)]
    with pytest.raises(DataError, match=r"6 passages .* 3 \+ 3") as caught:
        split(per_title=3, validation=3)
    assert "corpus" in str(caught.value)


def test_trained_documents_retrieve_other_passages_only(database: ChunkDatabase) -> None:
    documents = training_documents(database, K)
    texts = database.tokenizer.decode([d.tokens for d in documents])
    assert texts == TEXTS
    for number, document in enumerate(documents):
        chunks = (len(document.tokens) - 1) // M
        assert document.neighbours.shape == document.neighbour_mask.shape == (chunks, K)
        assert document.neighbour_mask.all()
        assert (database.documents[document.neighbours] != number).all()


def test_new_documents_retrieve_by_the_key_of_their_own_chunks(database: ChunkDatabase) -> None:
    documents = unseen_documents(database, NEW, K)
    assert [len(d.neighbours) for d in documents] == [(len(d.tokens) - 1) // M for d in documents]
    assert len(documents[1].neighbours) == 0  # "a" and the start token are no complete chunk
    key = database.keys([documents[2].tokens[:M]])
    np.testing.assert_array_equal(
        documents[2].neighbours[:1], database.nearest(key, np.array([-1]), K)[0]
    )


def test_neighbours_of_the_same_title_can_be_left_out(database: ChunkDatabase) -> None:
    strangers = unseen_documents(database, NEW, K, other_titles=TRAIN)
    titles = np.array([passage.title for passage in TRAIN])
    assert strangers[0].neighbour_mask.all()
    assert (titles[database.documents[strangers[0].neighbours]] != "title 0").all()
    # A title that the database does not have leaves nothing out.
    documents = unseen_documents(database, NEW, K)
    np.testing.assert_array_equal(strangers[2].neighbours, documents[2].neighbours)


def test_random_neighbours_are_as_many_and_from_the_whole_database(
    database: ChunkDatabase,
) -> None:
    documents = unseen_documents(database, NEW, K)
    documents[0].neighbour_mask[0, 1] = False
    drawn = random_neighbours(database, documents, seed=5)
    for before, after in zip(documents, drawn, strict=True):
        assert after.tokens == before.tokens
        np.testing.assert_array_equal(after.neighbour_mask, before.neighbour_mask)
        assert after.neighbours.shape == before.neighbours.shape
    again = random_neighbours(database, documents, seed=5)
    np.testing.assert_array_equal(again[0].neighbours, drawn[0].neighbours)
    many = [Document([0] * 4001, np.zeros((1000, K), np.int64), np.ones((1000, K), np.bool_))]
    assert set(np.unique(random_neighbours(database, many, 0)[0].neighbours)) == set(
        range(len(database))
    )


def test_a_batch_has_shifted_targets_and_masked_neighbours(database: ChunkDatabase) -> None:
    first, second, _ = unseen_documents(database, NEW, K)
    batch = collate_documents(database, [first, second])
    time = len(first.tokens) - 1
    assert batch["ids"].shape == batch["targets"].shape == (2, time)
    assert batch["ids"][0].tolist() == first.tokens[:-1]
    assert batch["targets"][0].tolist() == first.tokens[1:]
    assert batch["targets"][1].tolist() == [*second.tokens[1:], *[IGNORED] * (time - 1)]
    assert batch["neighbours"].shape == (2, time // M, K, 2 * M)
    tokens, real = database.read(first.neighbours)
    assert batch["neighbours"][0].tolist() == tokens.tolist()
    assert batch["neighbour_mask"][0].tolist() == real.tolist()
    assert not batch["neighbour_mask"][1].any()
    assert "neighbours" not in collate_documents(database, [first.without_retrieval()])


def test_the_schedule_is_fixed_and_goes_through_all_documents() -> None:
    none, real = np.zeros((1, K), np.int64), np.ones((1, K), np.bool_)
    documents = [Document([i] * (2 + i), none, real) for i in range(10)]

    def schedule(seed: int = 0) -> DocumentSchedule:
        return DocumentSchedule(documents, 40, batch=2, off_share=0.5, seed=seed)

    items = [schedule()[i] for i in range(40)]
    assert len(schedule()) == 40
    # Rounds of all ten, item by item the same whenever asked, another order with another seed.
    for start in range(0, 40, 10):
        assert sorted(d.tokens[0] for d in items[start : start + 10]) == list(range(10))
    assert [d.tokens for d in items] == [schedule()[i].tokens for i in range(40)]
    assert [d.tokens for d in items] != [schedule(1)[i].tokens for i in range(40)]
    # Both of a batch retrieve or neither does.
    pairs = [
        (items[i].neighbour_mask.all(), items[i + 1].neighbour_mask.all()) for i in range(0, 40, 2)
    ]
    assert set(pairs) == {(True, True), (False, False)}
