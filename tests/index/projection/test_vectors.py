"""What papers are laid out by: three parts, each of its length, of each paper's own."""

from __future__ import annotations

import numpy as np

from index.projection.vectors import Parts, paper_vectors


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


def test_one_paper_has_a_vector_too() -> None:
    one = np.ones((1, 4), np.float32)
    assert np.isfinite(paper_vectors(Parts(one, np.array([0]), one, None))).all()
