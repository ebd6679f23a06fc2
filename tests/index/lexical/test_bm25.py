"""BM25 against the formula and against tantivy."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import tantivy

from index import columns
from index.lexical import TermLists, lexicon
from index.lexical import bm25 as bm25_module
from index.lexical.bm25 import K1, B, Bm25, Occurrences

Documents = list[list[int]]


def lucene(
    documents: Sequence[Sequence[int]], query: Sequence[int], k1: float = K1, b: float = B
) -> npt.NDArray[np.float64]:
    """Kamphuis et al. 2020, table 1, row "Lucene (accurate)": no (k1 + 1) above the line."""
    lengths = np.array([len(document) for document in documents], float)
    scores = np.zeros(len(documents))
    for term in query:
        tf = np.array([list(document).count(term) for document in documents], float)
        df = (tf > 0).sum()
        idf = np.log(1 + (len(documents) - df + 0.5) / (df + 0.5))
        scores += idf * tf / (tf + k1 * (1 - b + b * lengths / lengths.mean()))
    return scores


def random_documents(seed: int, count: int = 60, terms: int = 30, longest: int = 39) -> Documents:
    """Documents of very different lengths, with common and rare terms; the first is empty."""
    rng = np.random.default_rng(seed)
    lengths = [0, *rng.integers(1, longest, count - 1)]
    return [np.minimum(rng.geometric(0.12, size) - 1, terms - 1).tolist() for size in lengths]


def random_query(seed: int, terms: int = 30) -> list[int]:
    rng = np.random.default_rng(1_000 + seed)
    return list(map(int, rng.integers(0, terms, rng.integers(1, 8))))


@pytest.mark.parametrize("seed", range(10))
def test_scores_are_the_formula(seed: int) -> None:
    documents, query = random_documents(seed), random_query(seed)
    found = Bm25.build(documents, 30).scores(query)
    np.testing.assert_allclose(found, lucene(documents, query), rtol=1e-5, atol=1e-6)
    assert found.dtype == np.float32


def test_a_term_that_occurs_twice_in_the_query_counts_twice() -> None:
    documents = random_documents(0)
    bm25 = Bm25.build(documents, 30)
    np.testing.assert_allclose(bm25.scores([3, 3]), 2 * bm25.scores([3]), rtol=1e-6)
    np.testing.assert_allclose(
        bm25.scores([3, 1, 3]), lucene(documents, [3, 1, 3]), rtol=1e-5, atol=1e-6
    )


def test_a_term_in_every_document_still_counts() -> None:
    documents = [[0], [0, 1], [0, 0, 2]]
    found = Bm25.build(documents, 3).scores([0])
    assert (found > 0).all()
    np.testing.assert_allclose(found, lucene(documents, [0]), rtol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_what_was_written_scores_the_same(tmp_path: Path, seed: int) -> None:
    documents = random_documents(seed)
    built = Bm25.build(documents, 30)
    queries = [[], [7], [29, 0, 7], random_query(seed)]
    expected = [built.scores(query) for query in queries]
    built.write(tmp_path / "bm25")
    opened = Bm25.open(tmp_path / "bm25")
    for query, scores in zip(queries, expected, strict=True):
        np.testing.assert_array_equal(opened.scores(query), scores)
        np.testing.assert_array_equal(built.scores(query), scores)
    assert [opened.frequency(term) for term in range(30)] == [
        sum(term in document for document in documents) for term in range(30)
    ]


def test_more_pairs_of_terms_and_documents_than_32_bits_count_are_told_apart() -> None:
    documents, terms = 70_000, 50_000
    at = [(documents - 1, terms - 1), (documents - 1, terms - 1), (0, terms - 1), (5, 0)]
    owners, numbers = np.array(at, np.int64).T
    bm25 = Bm25.count_up([Occurrences(owners, numbers)], documents, terms)
    assert [bm25.frequency(term) for term in (0, 1, terms - 1)] == [1, 0, 2]
    scores = bm25.scores([terms - 1])
    assert np.flatnonzero(scores).tolist() == [0, documents - 1]
    assert np.flatnonzero(bm25.scores([0])).tolist() == [5]


def test_occurrences_are_those_of_some_documents_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists that belong to documents by the way, beside one list a document."""
    lists = TermLists.of_words([["가", "나"], [], ["나"], ["다", "라"]]).lists
    names = TermLists.of_words([["가"], ["나", "가"], [], [], ["나"]]).lists
    owners = np.array([0, 1, 1, 3])
    wanted = [(0, 0), (0, 1), (1, 1), (3, 2), (3, 3), (0, 0), (1, 1), (1, 0), (4, 1)]
    for most in (1, 3, 100):
        monkeypatch.setattr(lexicon, "_AT_ONCE", most)
        blocks = list(lexicon._occurrences(5, (owners, lists), (None, names)))
        assert (len(blocks) > 1) == (most < 100)
        found = []
        for block in blocks:
            assert [part.dtype for part in block] == [np.int64, np.int64]
            found += list(zip(block.owners.tolist(), block.numbers.tolist(), strict=True))
        for own, other in pairwise(
            [block for block in blocks if len(block.owners)]
        ):  # a document is in one block, and in their order
            assert own.owners.max() < other.owners.min()
        assert sorted(found) == sorted(wanted)


@pytest.mark.parametrize("in_memory", [0, 2**25])
@pytest.mark.parametrize("seed", range(3))
def test_blocks_score_as_all_at_once_to_the_bit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, seed: int, in_memory: int
) -> None:
    """Also where all lies in files."""
    monkeypatch.setattr(columns, "IN_MEMORY", in_memory)
    documents = random_documents(seed)
    blocks, begin = [], 0
    while begin < len(documents):
        some = documents[begin : begin + 1 + seed]
        owners = [begin + at for at, own in enumerate(some) for _ in own]
        numbers = [term for own in some for term in own]
        blocks.append(Occurrences(np.array(owners, np.int64), np.array(numbers, np.int64)))
        begin += len(some)
    Bm25.build(documents, 30).write(tmp_path / "whole")
    Bm25.count_up(blocks, len(documents), 30, tmp_path).write(tmp_path / "blocks")
    whole, parts = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        for name in ("whole", "blocks")
    )
    assert len(whole) > 3
    assert whole == parts


def test_more_postings_than_32_bits_count_are_told_apart(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    documents, query = random_documents(1), random_query(1)
    usual = Bm25.build(documents, 30)
    usual.write(tmp_path / "usual")
    monkeypatch.setattr(bm25_module, "_MOST_IN_32_BITS", 3)
    Bm25.build(documents, 30).write(tmp_path / "many")
    file = "indptr.csc.index.npy"
    assert np.load(tmp_path / "usual" / file).dtype == np.int32
    assert np.load(tmp_path / "many" / file).dtype == np.int64
    many = Bm25.open(tmp_path / "many")
    np.testing.assert_array_equal(many.scores(query), usual.scores(query))
    terms, weights = np.arange(5), np.ones(5, np.float32)
    np.testing.assert_array_equal(many.weighted(terms, weights), usual.weighted(terms, weights))
    assert [many.frequency(term) for term in range(30)] == usual.frequencies.tolist()


def test_scores_belong_to_the_caller(tmp_path: Path) -> None:
    Bm25.build(random_documents(1), 30).write(tmp_path / "bm25")
    bm25 = Bm25.open(tmp_path / "bm25")
    for query in ([], [1, 2]):
        before = bm25.scores(query).copy()
        bm25.scores(query)[:] = -1
        np.testing.assert_array_equal(bm25.scores(query), before)


def test_no_terms_score_nothing() -> None:
    scores = Bm25.build(random_documents(2), 30).scores([])
    np.testing.assert_array_equal(scores, np.zeros(60, np.float32))
    assert scores.dtype == np.float32


def test_a_term_that_no_document_has_scores_nothing() -> None:
    bm25 = Bm25.build([[0, 2], [0]], 4)
    assert bm25.frequency(1) == bm25.frequency(3) == 0
    np.testing.assert_array_equal(bm25.scores([1, 3]), [0, 0])
    np.testing.assert_array_equal(bm25.scores([3, 0, 1]), bm25.scores([0]))


@pytest.mark.parametrize("terms", [0, 1])
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # an average length of 0
def test_documents_without_terms_are_allowed(tmp_path: Path, terms: int) -> None:
    Bm25.build([[], []], terms).write(tmp_path / "bm25")
    bm25 = Bm25.open(tmp_path / "bm25")
    for query in ([], [0] * terms):
        np.testing.assert_array_equal(bm25.scores(query), [0, 0])


@pytest.mark.parametrize("seed", range(3))
def test_scores_are_those_of_tantivy(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    # tantivy's k1 is 1.2, and it multiplies by k1 + 1. It rounds lengths beyond 40.
    monkeypatch.setattr("index.lexical.bm25.K1", 1.2)
    documents = random_documents(seed)
    bm25 = Bm25.build(documents, 30)
    schema = (
        tantivy.SchemaBuilder()
        .add_unsigned_field("row", stored=True)
        .add_text_field("text", tokenizer_name="whitespace")
        .build()
    )
    other = tantivy.Index(schema)
    writer = other.writer(num_threads=1)
    for row, document in enumerate(documents):
        text = " ".join(f"t{term}" for term in document)
        writer.add_document(tantivy.Document(row=row, text=text))
    writer.commit()
    other.reload()
    searcher = other.searcher()
    for query in ([1], [0, 5, 9], sorted(set(random_query(seed)))):
        parsed = other.parse_query(" ".join(f"t{term}" for term in query), ["text"])
        expected = np.zeros(len(documents))
        for score, address in searcher.search(parsed, len(documents)).hits:
            expected[searcher.doc(address)["row"][0]] = score / 2.2
        found = bm25.scores(query)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
        assert expected.any()


@pytest.mark.parametrize("seed", range(5))
def test_weighted_terms_are_a_weighted_sum(seed: int) -> None:
    documents, rng = random_documents(seed), np.random.default_rng(seed)
    bm25 = Bm25.build(documents, 32)  # the last two terms are in none
    terms = np.sort(rng.permutation(32)[:9])
    weights = rng.random(9).astype(np.float32)
    wanted = sum(
        weight * lucene(documents, [term])
        for term, weight in zip(terms.tolist(), weights.tolist(), strict=True)
        if any(term in document for document in documents)
    )
    np.testing.assert_allclose(bm25.weighted(terms, weights), wanted, rtol=1e-5, atol=1e-6)
    none = bm25.weighted(np.zeros(0, np.int64), np.zeros(0, np.float32))
    assert none.tolist() == [0] * len(documents)


@pytest.mark.parametrize("seed", range(5))
def test_some_documents_score_as_among_all_to_the_bit(seed: int) -> None:
    documents, query = random_documents(seed), random_query(seed)
    bm25 = Bm25.build(documents, 31)
    rows = np.random.default_rng(seed).permutation(len(documents))[:20]
    found = bm25.scores_of([*query, query[0], 30], rows)
    assert found.tolist() == bm25.scores([*query, query[0], 30])[rows].tolist()
    assert bm25.scores_of(query, rows[:0]).tolist() == []
    assert bm25.scores_of([], rows).tolist() == [0] * 20


@pytest.mark.parametrize("seed", range(5))
def test_a_sample_is_runs_of_documents_that_are_evenly_spread(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents, query = random_documents(seed, count=100), random_query(seed)
    bm25 = Bm25.build(documents, 30)
    whole = bm25.scores([*query, query[0]])
    assert bm25.sample([*query, query[0]]).tolist() == whole.tolist()
    monkeypatch.setattr(bm25_module, "_WINDOWS", 3)
    monkeypatch.setattr(bm25_module, "_WIDTH", 10)
    rows = [*range(10), *range(45, 55), *range(90, 100)]
    assert bm25.sample([*query, query[0]]).tolist() == whole[rows].tolist()


@pytest.mark.parametrize("seed", range(3))
def test_many_postings_are_weighted_as_few_to_the_bit(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    bm25 = Bm25.build(random_documents(seed), 30)
    terms = np.array([0, 1, 4, 17, 29])
    weights = np.random.default_rng(seed).random(5).astype(np.float32)
    few = bm25.weighted(terms, weights)
    monkeypatch.setattr(bm25_module, "_MANY", 0)
    assert bm25.weighted(terms, weights).tobytes() == few.tobytes()
