"""What papers are laid out by: three parts, each of its length, of each paper's own."""

from __future__ import annotations

import numpy as np

from index.projection.vectors import Parts, paper_vectors, vectors_of


def unit(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    found: np.ndarray = vectors / np.where(length, length, 1)
    return found


def test_they_are_means_titles_and_latent_vectors_end_to_end() -> None:
    random = np.random.default_rng(0)
    passages, titles, latent = (
        random.normal(size=shape).astype(np.float32) for shape in ((9, 4), (5, 4), (5, 3))
    )
    owners = np.array([0, 0, 1, 3, 3, 3, 3, 4, 4], np.int32)  # the third says nothing
    means = unit(np.array([passages[owners == row].sum(0) for row in range(5)]))
    named = unit(titles)
    wanted = np.hstack(
        [
            0.5 * unit(means - means.mean(0)),
            0.4 * unit(named - named.mean(0)),
            0.77 * unit(latent),
        ]
    )
    found = paper_vectors(Parts(passages, owners, titles, latent))
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    without = paper_vectors(Parts(passages, owners, titles, None))
    np.testing.assert_allclose(without, wanted[:, :8], atol=1e-6)


def test_those_of_some_papers_are_taken_from_what_others_share() -> None:
    random = np.random.default_rng(0)
    passages, titles, latent = (
        random.normal(size=shape).astype(np.float32) for shape in ((9, 4), (5, 4), (5, 3))
    )
    owners = np.array([0, 0, 1, 3, 3, 3, 3, 4, 4], np.int32)
    parts = Parts(passages, owners, titles, latent)
    every, shared = vectors_of(parts, np.arange(5))
    assert (every == paper_vectors(parts)).all()
    for rows in ([0], [2], [4, 1, 2], [3, 3]):
        found, same = vectors_of(parts, np.array(rows), shared)
        np.testing.assert_allclose(found, every[rows], atol=1e-6)
        assert same is shared
    some = np.array([0, 3])
    alone = Parts(passages[[0, 1, 3, 4, 5, 6]], np.array([0, 0, 1, 1, 1, 1]), titles[some], None)
    own = vectors_of(parts._replace(latent=None), some)[0]
    np.testing.assert_allclose(own, paper_vectors(alone), atol=1e-6)


def test_one_paper_has_a_vector_too() -> None:
    one = np.ones((1, 4), np.float32)
    assert np.isfinite(paper_vectors(Parts(one, np.array([0]), one, None))).all()
