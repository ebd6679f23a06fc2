"""Encoders that one open version lends another: only what made the other's vectors too."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path

import pytest

from index.build import build
from index.encoders import EncoderSettings, LateSettings, MultiVectorEncoder
from index.errors import EncoderError
from index.leases import take
from index.manifest import LAYOUT
from index.snapshot import Snapshot
from index.store import Store
from tests.quick_encoder import QuickEncoder

Make = Callable[..., Snapshot]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Builds a version with encoders of these fingerprints, and opens it.

    Whatever opens encoders from then on gets new ones of the last fingerprints.
    """
    opened: dict[str, str] = {}

    def encoder(_: EncoderSettings) -> QuickEncoder:
        found = QuickEncoder()
        found.fingerprint = opened["encoder"]
        return found

    def late(_: LateSettings, inner: object = None) -> MultiVectorEncoder:
        found = QuickEncoder()
        found.token_fingerprint = opened["late"]
        return found

    for module in ("index.build", "index.snapshot"):
        monkeypatch.setattr(f"{module}.open_encoder", encoder)
        monkeypatch.setattr(f"{module}.open_multi_vector_encoder", late)

    def make(text: str, encoder: str = "one", late: str = "one") -> Snapshot:
        opened.update(encoder=encoder, late=late)
        folder = tmp_path / "digests"
        folder.mkdir(exist_ok=True)
        (folder / "2024-05-01.md").write_text(
            "### [Paper](https://arxiv.org/abs/2405.00001)\n\n"
            f"- **What's New**: {text}라고 말한다.\n",
            encoding="utf-8",
        )
        store = Store(tmp_path / "data")
        build([folder], store)
        return store.open_live()

    return make


def _late(snapshot: Snapshot) -> MultiVectorEncoder:
    assert snapshot.late
    return snapshot.late.encoder


def test_versions_made_with_the_same_encoders_share_them(make: Make) -> None:
    old, new = make("가"), make("나")
    new.borrow(old)
    assert new.plain_encoder is old.plain_encoder
    assert _late(new) is _late(old)


def test_without_it_each_has_its_own(make: Make) -> None:
    old, new = make("가"), make("나")
    assert new.plain_encoder is not old.plain_encoder
    assert _late(new) is not _late(old)


def test_an_encoder_that_did_not_make_the_vectors_is_not_taken(make: Make) -> None:
    old = make("가")
    held = old.plain_encoder, _late(old)
    new = make("나", encoder="two")
    new.borrow(old)
    assert new.plain_encoder is not held[0]
    assert new.plain_encoder.fingerprint == "two"
    assert _late(new) is held[1]


def test_an_encoder_that_did_not_make_the_tokens_is_not_taken(make: Make) -> None:
    old = make("가")
    held = old.plain_encoder, _late(old)
    new = make("나", late="two")
    new.borrow(old)
    assert new.plain_encoder is held[0]
    assert _late(new) is not held[1]
    assert _late(new).token_fingerprint == "two"


def test_an_encoder_that_is_another_by_now_is_not_lent(make: Make) -> None:
    old = make("가")
    new = make("나")
    make("다", encoder="two", late="two")  # the encoder is another now, for both
    with pytest.raises(EncoderError, match="--full"):
        new.borrow(old)
    with pytest.raises(EncoderError, match="--full"):
        _ = new.plain_encoder


def test_what_is_made_of_a_version_holds_it_too(make: Make) -> None:
    bare = make("가").without_titles()
    gc.collect()
    assert take(bare.folder / LAYOUT.manifest) is None
    folder = bare.folder
    del bare
    gc.collect()
    lease = take(folder / LAYOUT.manifest)
    assert lease
    lease.close()
