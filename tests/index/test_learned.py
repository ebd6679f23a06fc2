"""What a build learned, written and read back; and when it is worth learning again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np
import pytest

from index.adapt import LinearMap
from index.confidence import Calibration
from index.encoders import Basis
from index.late import TokenSpace
from index.learned import Facts, Learned
from index.lexical import LatentSpace
from index.quality.style import Style
from index.settings import LearnSettings, Weights

PARTS = ("tokens", "map", "latent", "style")
CALIBRATION = Calibration((0.25, 0.125), (0.5, 0.0625), 1.5, -0.5, 0.375, 45)


def learned(parts: Sequence[str] = PARTS) -> Learned:
    random = np.random.default_rng(0)
    space = TokenSpace(
        Basis(random.normal(size=6).astype(np.float32), np.eye(6, 4, dtype=np.float32)),
        np.eye(4, dtype=np.float32),
        random.random(9).astype(np.float32),
    )
    linear = LinearMap(np.ones(3, np.float32), random.normal(size=(3, 3)).astype(np.float32))
    latent = LatentSpace.learn([["언어", "모델"]] * 3 + [["확산", "이미지"]] * 3, [[]] * 6)
    assert latent is not None
    return Learned(
        space if "tokens" in parts else None,
        linear if "map" in parts else None,
        latent if "latent" in parts else None,
        Style(random.normal(size=3).astype(np.float32), -1.25) if "style" in parts else None,
        Weights(lexical=0.25, late=1.75, feedback=0.0),
        CALIBRATION,
        Facts(papers=6, map_before=0.25, map_after=0.5, weights_from=12),
    )


@pytest.mark.parametrize("parts", [(), *((part,) for part in PARTS), ("tokens", "latent"), PARTS])
def test_what_was_learned_comes_back_and_nothing_else(tmp_path: Path, parts: list[str]) -> None:
    before = learned(parts)
    before.write(tmp_path / "learned")
    found = Learned.open(tmp_path / "learned")
    assert found.weights == before.weights
    assert found.facts == before.facts
    assert found.calibration == CALIBRATION
    assert {name for name in PARTS if getattr(found, name) is not None} == set(parts)
    if before.tokens is not None:
        assert found.tokens is not None
        assert found.tokens.centroids.tolist() == before.tokens.centroids.tolist()
        assert found.tokens.rarity.tolist() == before.tokens.rarity.tolist()
        assert found.tokens.basis.axes.tolist() == before.tokens.basis.axes.tolist()
    if before.map is not None:
        assert found.map is not None
        assert found.map.fingerprint == before.map.fingerprint
    if before.latent is not None:
        assert found.latent is not None
        for word in ("언어", "확산", "없는말"):
            assert found.latent.vector([word]).tolist() == before.latent.vector([word]).tolist()
    if before.style is not None:
        assert found.style is not None
        assert found.style.weights.tolist() == before.style.weights.tolist()
        assert found.style.offset == before.style.offset


def test_weights_and_facts_can_be_written_anew(tmp_path: Path) -> None:
    before = learned()
    before.write(tmp_path)
    after = before.weighted(Weights(dense=9.0), 34)
    after.write_facts(tmp_path)
    found = Learned.open(tmp_path)
    assert found.weights == Weights(dense=9.0)
    assert found.facts == replace(before.facts, weights_from=34)
    assert found.calibration == CALIBRATION
    assert found.map is not None
    assert before.map is not None
    assert found.map.fingerprint == before.map.fingerprint


def test_a_style_can_be_written_later(tmp_path: Path) -> None:
    before = learned(("map",))
    before.write(tmp_path)
    before.write_style(tmp_path)
    assert Learned.open(tmp_path).style is None
    style = Style(np.arange(3, dtype=np.float32), 0.5)
    replace(before, style=style).write_style(tmp_path)
    found = Learned.open(tmp_path)
    assert found.style is not None
    assert (found.style.weights.tolist(), found.style.offset) == ([0.0, 1.0, 2.0], 0.5)
    assert found.calibration == CALIBRATION


def test_other_weights_change_nothing_else() -> None:
    before = learned()
    after = before.weighted(Weights(title=0.0), 5)
    assert all(getattr(after, name) is getattr(before, name) for name in PARTS)
    assert after.calibration is before.calibration
    assert asdict(after.facts) == {**asdict(before.facts), "weights_from": 5}
    assert before.facts.weights_from == 12
    assert before.weights.title == Weights().title


@pytest.mark.parametrize(
    ("learned_from", "papers", "outgrown"),
    [
        (1000, 1000, False),
        (1000, 1249, False),
        (1000, 1250, True),
        (1000, 4000, True),
        (1000, 10, False),  # from more papers more was learned
        (4, 4, False),
        (4, 5, True),
        (0, 0, False),
        (0, 2, True),
    ],
)
def test_a_corpus_outgrows_what_was_learned_of_four_fifths_of_it(
    learned_from: int, papers: int, outgrown: bool
) -> None:
    assert Learned(facts=Facts(papers=learned_from)).outgrown(papers) is outgrown


def test_weights_come_back_from_json() -> None:
    names = [field.name for field in fields(Weights)]
    weights = Weights(**{name: i / 8 for i, name in enumerate(names)})
    assert Weights.from_json(weights.as_json()) == weights
    assert list(weights.as_json()) == names


def test_settings_come_back_from_json() -> None:
    settings = LearnSettings(12.5, 0.25)
    assert LearnSettings.from_json(settings.as_json()) == settings
