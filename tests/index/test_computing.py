"""Of a large corpus some papers teach what all of a small one do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from index import computing, latent_papers
from index.adapt import Adapted, Pairs, hold_out, without_name
from index.arrays import evenly
from index.computing import Computing
from index.content import Content
from index.digests import read_digests
from index.encoding import LocalEncoding
from index.latent_papers import learn_latent
from index.learned import Learned
from index.lexical import LatentSpace
from index.papers import Paper
from index.progress import Silent
from index.settings import LearnSettings
from tests.quick_encoder import QuickEncoder

PAPERS = 12
MOST = 5
ABOUT = ("검색", "번역", "음성", "영상")
DIGEST = """### [Model {number}: About {about}](https://arxiv.org/abs/2405.{number:05})

- **What's New**: {number}번 모형은 {about}을 다룬다.
- **Summary**: {about} 모형 {number}.

"""


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Paper]:
    folder = tmp_path_factory.mktemp("digests")
    (folder / "2024-05-01.md").write_text(
        "".join(DIGEST.format(number=n, about=ABOUT[n % 4]) for n in range(1, PAPERS + 1)),
        encoding="utf-8",
    )
    return read_digests([folder]).papers


@pytest.fixture(scope="module")
def content(papers: Sequence[Paper]) -> Content:
    content = Content()
    content.analyze(papers, Silent())
    return content


def test_a_latent_space_is_learned_from_some_of_the_papers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: Content, papers: Sequence[Paper]
) -> None:
    monkeypatch.setattr(latent_papers, "MOST", MOST)
    held_out = np.arange(PAPERS) % 2 == 0
    sample = [papers[row] for row in (0, 2, 4, 7, 9)]
    texts = [[t for row in content.rows_of(p) for t in content.terms_of(row)] for p in sample]
    titles = [
        [] if held_out[row] else content.title_terms(papers[row].title) for row in (0, 2, 4, 7, 9)
    ]
    wanted, found = LatentSpace.learn(texts, titles), learn_latent(content, papers, held_out)
    assert wanted
    assert found
    for name, space in (("wanted", wanted), ("found", found)):
        space.write(tmp_path / name)
    for file in (tmp_path / "wanted").iterdir():
        assert file.read_bytes() == (tmp_path / "found" / file.name).read_bytes()


@pytest.mark.parametrize("most", [MOST, PAPERS, 100])
def test_a_map_is_learned_from_some_of_the_papers(
    monkeypatch: pytest.MonkeyPatch, papers: Sequence[Paper], most: int
) -> None:
    monkeypatch.setattr(computing, "MOST", most)
    given: list[Pairs] = []

    def adapt(pairs: Pairs, *_: object) -> Adapted:
        given.append(pairs)
        return Adapted(None, 0.0, 0.0)

    monkeypatch.setattr(computing, "adapt", adapt)
    encoder, settings = QuickEncoder(), LearnSettings(held_out=0.5)
    content = Content()
    content.analyze(papers, Silent())
    learned = Computing(content, papers, LocalEncoding(encoder, encoder), Silent()).learn(settings)
    (pairs,) = given
    rows = evenly(PAPERS, most)
    sample = [papers[row] for row in rows]
    names = [without_name(paper.title) for paper in sample]
    np.testing.assert_array_equal(pairs.titles, encoder.encode_query(names))
    texts = [[section.text for section in paper.sections] for paper in sample]
    np.testing.assert_allclose(
        pairs.passages, encoder.encode_document([text for own in texts for text in own])
    )
    owners = [number for number, own in enumerate(texts) for _ in own]
    assert pairs.owners.tolist() == owners
    held_out = hold_out([paper.id for paper in papers], 0.5)[rows]
    assert pairs.held_out.tolist() == held_out.tolist()
    assert learned.facts.papers == PAPERS
    _check_rarity(learned, papers, encoder)


def _check_rarity(learned: Learned, papers: Sequence[Paper], encoder: QuickEncoder) -> None:
    """The tokens' rarity is that among all papers."""
    assert learned.tokens
    seen = [{n for s in p.sections for n in encoder._ids(s.text)} for p in papers]
    having = np.array([sum(n in own for own in seen) for n in range(encoder.vocabulary)])
    wanted = np.log1p((PAPERS - having + 0.5) / (having + 0.5))
    np.testing.assert_allclose(learned.tokens.rarity, wanted, rtol=1e-6)
