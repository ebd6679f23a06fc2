"""What speaks for the papers that were found, against what can be counted by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from index.adapt import LinearMap
from index.confidence import Evidence, gather
from index.confidence.evidence import LOOKED_AT, absent
from index.fusion import rank
from index.greatest import top_rows
from index.scoring import Query, score_dense, score_lexical
from index.settings import Weights
from index.snapshot import Snapshot
from index.vectors.base import Floats, Mask, Neighbours

TEXT = "How is a large model adapted with few trainable parameters?"


def asked(snapshot: Snapshot, text: str, weights: Weights | None = None) -> Query:
    query = Query(text)
    rank(snapshot, query, weights or Weights())
    return query


def best_rows(snapshot: Snapshot, query: Query, count: int) -> list[int]:
    scores = rank(snapshot, query, Weights())
    assert scores is not None
    rows = top_rows(scores, count)
    return [int(row) for row in rows[np.argsort(-scores[rows])]]


def best_cosine(snapshot: Snapshot, vector: Floats, rows: Sequence[int]) -> float:
    return max(
        float(snapshot.vectors.vectors[passage] @ vector)
        for row in rows
        for passage in snapshot.passages_of(row)
    )


def best_max_sim(
    snapshot: Snapshot, query: Query, rows: Sequence[int], *, titles: bool = True
) -> float:
    assert snapshot.token_texts is not None
    assert query.tokens is not None
    found = []
    for row in rows:
        texts = [*snapshot.passages_of(row)]
        texts += [len(snapshot.owners) + row] if titles else []
        codes = np.concatenate([snapshot.token_texts.row(text)[:, 0] for text in texts])
        cosines = query.tokens.table[codes] / 127.5 - 1
        found.append(float(cosines.max(0) @ query.tokens.weights))
    return max(found)


class TestGather:
    def test_it_is_the_best_of_the_papers_that_were_found(self, snapshot: Snapshot) -> None:
        query = asked(snapshot, TEXT)
        assert query.vector is not None
        for rows in (best_rows(snapshot, query, 10), [7, 3, 30], [12]):
            found = gather(snapshot, query, rows)
            assert found.cosine == pytest.approx(
                best_cosine(snapshot, query.vector, rows), abs=1e-5
            )
            assert found.tokens == pytest.approx(best_max_sim(snapshot, query, rows), abs=1e-5)
            assert found.absent == 0

    def test_a_title_counts_where_there_are_titles(self, snapshot: Snapshot) -> None:
        query = asked(snapshot, "Low-Rank Adaptation of Large Language Models")
        rows = best_rows(snapshot, query, 3)
        bare = snapshot.without_titles()
        with_titles, without = gather(snapshot, query, rows), gather(bare, query, rows)
        assert with_titles.tokens is not None
        assert without.tokens is not None
        assert with_titles.tokens > without.tokens + 0.02
        assert without.tokens == pytest.approx(
            best_max_sim(snapshot, query, rows, titles=False), abs=1e-5
        )

    def test_only_the_first_papers_are_looked_at(self, snapshot: Snapshot) -> None:
        query = asked(snapshot, TEXT)
        rows = best_rows(snapshot, query, len(snapshot))
        assert LOOKED_AT == 10
        behind = [*rows[20:30], rows[0]]
        assert gather(snapshot, query, behind) == gather(snapshot, query, rows[20:30])
        assert gather(snapshot, query, [rows[0], *rows[20:29]]) != gather(
            snapshot, query, rows[20:30]
        )

    def test_words_are_held_by_the_first_paper(self, snapshot: Snapshot) -> None:
        query = asked(snapshot, "BERT masked language model")
        rows = best_rows(snapshot, query, 3)
        shares = [gather(snapshot, query, [row]).held for row in rows]
        different = set(query.words)
        for row, share in zip(rows, shares, strict=True):
            rarity = snapshot.lexicon.rarity
            held = sum(rarity(word) for word in different & snapshot.words_of(row))
            assert share == pytest.approx(held / sum(map(rarity, different)))
        assert len(set(shares)) > 1
        assert gather(snapshot, query, rows).held == shares[0]
        assert gather(snapshot, query, rows[::-1]).held == shares[2]

    def test_a_leg_that_did_not_run_says_nothing(self, snapshot: Snapshot) -> None:
        nothing = dict.fromkeys(Weights().as_json(), 0.0)
        lexical = asked(snapshot, TEXT, Weights(**{**nothing, "lexical": 1.0}))
        found = gather(snapshot, lexical, [1, 2])
        assert found[:2] == (None, None)
        assert found.held > 0
        dense = asked(snapshot, TEXT, Weights(**{**nothing, "dense": 1.0}))
        found = gather(snapshot, dense, [1, 2])
        assert found.cosine is not None
        assert (found.tokens, found.held) == (None, 0.0)
        late = asked(snapshot, TEXT, Weights(**{**nothing, "late": 1.0}))
        found = gather(snapshot, late, [1, 2])
        assert found.cosine is None
        assert found.tokens is not None

    def test_where_nothing_was_found_nothing_speaks_for_it(self, snapshot: Snapshot) -> None:
        query = asked(snapshot, "Zzyzx9 of BERT")
        assert gather(snapshot, query, []) == Evidence(None, None, 0, 0.0)

    def test_names_that_no_paper_has_are_counted(self, snapshot: Snapshot) -> None:
        query = asked(snapshot, "is Zzyzx9 better than BERT or Blorpnet")
        assert gather(snapshot, query, [0]).absent == 2


class TestUndone:
    """The cosine is the plain encoder's, whatever the corpus taught."""

    class Mapped:
        """A `VectorIndex` of vectors that went through a map."""

        is_exact = True

        def __init__(self, vectors: Floats) -> None:
            self.vectors = vectors

        def search(self, queries: Floats, k: int, allowed: Mask | None = None) -> Neighbours:
            raise NotImplementedError

    def test_the_map_is_undone(self, snapshot: Snapshot) -> None:
        query = Query(TEXT)
        score_lexical(snapshot, query, None)
        score_dense(snapshot, query, None, 100)
        assert query.vector is not None
        plain = gather(snapshot, query, rows := [3, 9, 31])
        dimension = snapshot.manifest.dimension
        random = np.random.default_rng(0)
        matrix = np.eye(dimension) + 0.3 * random.normal(size=(dimension,) * 2) / dimension**0.5
        linear = LinearMap(np.asarray(snapshot.vectors.vectors).mean(0), matrix.astype(np.float32))
        other = Snapshot.open_unsealed(snapshot.folder, snapshot.manifest, snapshot.plain_encoder)
        other.learned = replace(other.learned, map=linear)
        other.vectors = self.Mapped(linear(np.asarray(snapshot.vectors.vectors)))
        mapped = replace(query, vector=linear(query.vector[None])[0])
        found = gather(other, mapped, rows)
        assert mapped.vector is not None
        assert plain.cosine == pytest.approx(best_cosine(snapshot, query.vector, rows), abs=1e-5)
        assert found.cosine == pytest.approx(plain.cosine, abs=1e-4)
        assert found.cosine != pytest.approx(best_cosine(other, mapped.vector, rows), abs=1e-2)


class TestAbsent:
    @pytest.mark.parametrize(
        ("text", "count"),
        [
            ("how does BERT read", 0),
            ("bert와 transformer의 차이", 0),
            ("is Zzyzx9 fast", 1),
            ("is Zzyzx9 faster than Blorpnet or BERT", 2),
            ("is Zzyzx9 faster than Zzyzx9", 1),
            ("what is fast", 0),  # asks for no name
            ("which one is faster, you or What", 0),  # function words
            ("", 0),
        ],
    )
    def test_names_that_no_paper_has_are_counted(
        self, snapshot: Snapshot, text: str, count: int
    ) -> None:
        assert absent(snapshot, text) == count

    def test_a_name_is_there_as_a_whole_or_not_at_all(self, snapshot: Snapshot) -> None:
        words = snapshot.words_of(row_of(snapshot, "BERT"))
        assert "bert" in words
        assert "bert97" not in words
        assert absent(snapshot, "how good is Bert97 now") == 1
        assert snapshot.lexicon.numbers(["2"])
        assert absent(snapshot, "how good is Bert2 now") == 1

    def test_a_paper_can_be_left_out(self, snapshot: Snapshot) -> None:
        own = row_of(snapshot, "BERT")
        names = [
            word
            for word in sorted(snapshot.words_of(own))
            if word.isascii() and word.isalpha() and len(word) > 3
        ]
        having = {
            word: [r for r in range(len(snapshot)) if word in snapshot.words_of(r)]
            for word in names
        }
        alone = next(word for word in names if having[word] == [own])
        shared = next(word for word in names if len(having[word]) > 1)
        for word, left in ((alone, 1), (shared, 0)):
            text = f"논문의 {word}"
            assert absent(snapshot, text) == 0
            assert absent(snapshot, text, own) == left
            assert absent(snapshot, text, 0 if own else 1) == 0
        assert absent(snapshot, "논문의 zzyzxq", own) == 1


def row_of(snapshot: Snapshot, name: str) -> int:
    return next(
        row for row in range(len(snapshot)) if snapshot.paper(row).title.startswith(f"{name}:")
    )


class TestNumbers:
    """Papers that are asked for by their numbers."""

    def test_one_that_is_not_here_is_a_name_that_nobody_has(self, snapshot: Snapshot) -> None:
        here, other = snapshot.ids[0], "2499.99999"
        assert absent(snapshot, f"{here}은 무엇을 다루나?") == 0
        assert absent(snapshot, "2412.99999은 무엇을 다루나?") == 1
        assert absent(snapshot, f"2412.99999, 2412.99999 and 2411.99999 or {here}") == 2
        assert absent(snapshot, f"{other}은 무엇을 다루나?") == 0  # there is no month 99

    @pytest.mark.parametrize("text", ["손실은 2412.5이다", "v12412.00001", "2412.000012"])
    def test_what_is_no_number_of_a_paper_is_none(self, snapshot: Snapshot, text: str) -> None:
        assert absent(snapshot, text.replace("v", "")) == 0

    def test_where_papers_are_kept_is_no_name(self, snapshot: Snapshot) -> None:
        assert absent(snapshot, f"What does arXiv {snapshot.ids[0]} propose?") == 0
