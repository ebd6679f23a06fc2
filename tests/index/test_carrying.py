"""What a build carries over, kind by kind, against what it would compute anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from index.arrays import Ragged
from index.build import build
from index.content import Content
from index.encoding import Encoded
from index.errors import EncoderError
from index.lexical import latent
from index.snapshot import Snapshot
from index.store import Store
from tests.quick_encoder import QuickEncoder, use_quick_encoder

PAPERS = range(1, 9)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> QuickEncoder:
    return use_quick_encoder(monkeypatch)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data")


@pytest.fixture
def digests(tmp_path: Path) -> Path:
    folder = tmp_path / "digests"
    folder.mkdir()
    for number in PAPERS:
        _write(folder, number)
    return folder


def _write(
    folder: Path,
    number: int,
    title: str = "A Model of Retrieval",
    author: str = "Ada Byron",
    text: str = "모형을 다룬다",
    second: str = "검색을 견준다",
) -> None:
    (folder / f"2024-05-{number:02}.md").write_text(
        f"### [{title} {number}](https://arxiv.org/abs/2405.0000{number})\n\n"
        f"Authors: {author}, Common Coauthor\n\n"
        f"- **What's New**: {number}번 논문은 {text}.\n- **Summary**: {number}번은 {second}.\n",
        encoding="utf-8",
    )


def _found(snapshot: Snapshot, *words: str) -> list[str]:
    """The papers that have one of these words."""
    scores = snapshot.lexicon.score_papers(snapshot.lexicon.numbers(list(words)))
    return [snapshot.ids[row] for row in np.flatnonzero(scores).tolist()]


def test_new_authors_of_an_old_paper_are_those_it_is_found_by(store: Store, digests: Path) -> None:
    build([digests], store)
    _write(digests, 2, author="Grace Hopper")
    report = build([digests], store).report
    assert (report.encoded, report.carried) == (0, 16)
    snapshot = store.open_live()
    assert _found(snapshot, "hopper") == ["2405.00002"]
    assert "2405.00002" not in _found(snapshot, "byron")
    assert len(_found(snapshot, "byron")) == len(PAPERS) - 1


def test_an_old_text_of_a_new_paper_is_found_by_the_new_number(store: Store, digests: Path) -> None:
    build([digests], store)
    path = digests / "2024-05-02.md"
    path.write_text(path.read_text("utf-8").replace("2405.00002", "2405.00077"), encoding="utf-8")
    assert build([digests], store).report.encoded == 0
    snapshot = store.open_live()
    assert _found(snapshot, "2405.00077") == ["2405.00077"]
    assert _found(snapshot, "2405.00002") == []


@pytest.mark.parametrize(
    "change",
    [{"title": "Speech Again"}, {"text": "말을 글로 옮긴다"}, {"second": "확산을 빠르게 한다"}],
    ids=["title", "first section", "second section"],
)
def test_latent_vectors_are_those_of_all_that_a_paper_says(
    store: Store, digests: Path, change: dict[str, str]
) -> None:
    build([digests], store)
    _write(digests, 2, **change)
    _write(digests, 9, **change)
    build([digests], store)
    snapshot = store.open_live()
    assert snapshot.latent
    terms = [
        latent.joined(
            [word for one in snapshot.passages_of(row) for word in snapshot._words(one)],
            snapshot.lexicon.title_terms(row),
        )
        for row in range(len(snapshot))
    ]
    np.testing.assert_allclose(
        snapshot.latent.papers, snapshot.latent.space.vectors(terms), atol=1e-6
    )


def test_what_was_computed_otherwise_is_not_carried_over(
    store: Store, digests: Path, quick: QuickEncoder
) -> None:
    build([digests], store)
    for name in ("fingerprint", "token_fingerprint"):
        setattr(quick, name, f"another {name}")
        again = build([digests], store)
        assert again.new
        assert (again.report.encoded, again.report.carried) == (16, 0)
        assert not build([digests], store).new


@pytest.mark.parametrize("steps", [1, 2])
def test_terms_stand_where_they_are_in_their_passage(
    store: Store, digests: Path, steps: int
) -> None:
    """Also in a passage that does not begin where its section does."""
    names = [f"Model{number}" for number in range(60)]
    text = " ".join(f"{name} 모형은 앞의 것보다 검색을 더 잘한다." for name in names)
    for step in range(steps):
        _write(digests, 1, text=f"{text} {step}번째로 쓴 글이다")
        build([digests], store)
    snapshot = store.open_live()
    assert len(snapshot.passages_of(0)) > 3
    found = []
    for row in snapshot.passages_of(0):
        passage = snapshot.passage(row).text
        for term in snapshot.lexicon.passage_terms(row):
            assert 0 <= term.start < term.end <= len(passage)
            if term.text.startswith("model") and term.text[5:]:
                found.append(passage[term.start : term.end])
    assert found == names


def test_a_build_that_keeps_little_in_memory_gives_the_same_to_the_bit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, digests: Path
) -> None:
    """It keeps papers and large arrays in files, and works in small blocks."""

    def versions(data: Path) -> list[str]:
        """Of new papers, and on top of it of some that are new, changed or missing."""
        for number in PAPERS:
            _write(digests, number)
        store = Store(data)
        first = build([digests], store)
        _write(digests, 2, text="말을 글로 옮긴다", author="Grace Hopper")
        _write(digests, 9, title="Speech Again")
        (digests / "2024-05-04.md").unlink()
        second = build([digests], store)
        assert second.report.encoded == 3
        assert not build([digests], store).new
        (digests / "2024-05-09.md").unlink()
        return [first.version, second.version]  # hashes of all files

    usual = versions(tmp_path / "usual")
    monkeypatch.setattr("index.columns.IN_MEMORY", 100)
    for module in ("arrays", "content"):
        monkeypatch.setattr(f"index.{module}.BLOCK", 3)
    for module in ("content", "latent_papers"):
        monkeypatch.setattr(f"index.{module}._AT_ONCE", 3)
    for module in ("records", "snapshot"):
        monkeypatch.setattr(f"index.{module}.MANY", 1)
    monkeypatch.setattr("index.lexical.lexicon._AT_ONCE", 20)
    assert versions(tmp_path / "large") == usual


def test_what_is_carried_over_needs_nothing_new(store: Store, digests: Path) -> None:
    """As in the indexes without some passages that a corpus is asked about itself."""
    build([digests], store)
    snapshot = store.open_live()
    content = Content(snapshot)
    rows = np.array([3, 0])
    np.testing.assert_array_equal(content.vectors(rows, 32), snapshot.vectors.vectors[rows])
    assert snapshot.titles is not None
    np.testing.assert_array_equal(content.title_vectors(rows, 32), snapshot.titles[rows])
    found = [
        own for block in content.tokens(rows, rows).blocks() for own in map(block.row, range(4))
    ]
    assert snapshot.token_texts is not None
    after = len(snapshot.table)
    for own, row in zip(found, [3, 0, after + 3, after], strict=True):
        np.testing.assert_array_equal(own, snapshot.token_texts.row(row))


class TestMissing:
    """An encoder that left something out."""

    @pytest.fixture
    def content(self) -> Content:
        """Three passages and two titles, of which the last of each was not encoded."""
        content = Content()
        new = content.new
        new.spans.extend([[0, 2]] * 3)
        new.title_places.extend([0, 1])
        new.expect(4)
        vectors, tokens = np.ones((3, 4), np.float32), np.zeros((3, 3), np.uint16)
        new.keep(Encoded(np.array([1, 0, 3]), vectors, Ragged(tokens, np.arange(4))))
        return content

    def test_a_passage_or_a_title_without_a_vector_is_an_error(self, content: Content) -> None:
        assert content.vectors(np.array([1, 0, 1]), 4).shape == (3, 4)
        assert content.title_vectors(np.array([0]), 4).shape == (1, 4)
        with pytest.raises(EncoderError, match="given no vector"):
            content.vectors(np.array([0, 2]), 4)
        with pytest.raises(EncoderError, match="given no vector"):
            content.title_vectors(np.array([0, 1]), 4)

    def test_one_without_tokens_is_an_error(self, content: Content) -> None:
        with pytest.raises(EncoderError, match="2 texts were given no tokens"):
            content.tokens(np.array([0, 1]), np.array([0]))

    def test_vectors_that_are_not_finite_are_an_error(self, content: Content) -> None:
        content.new.vectors[1] = [0, 1, np.inf, 0]
        with pytest.raises(EncoderError, match="not finite"):
            content.vectors(np.array([0, 1]), 4)
