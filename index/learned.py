"""What a build learned of its corpus, kept in the snapshot and carried over to the next."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Self

import msgspec

from index.adapt import LinearMap
from index.confidence import Calibration
from index.late import TokenSpace
from index.lexical import LatentSpace
from index.quality.style import Style
from index.settings import Weights

_FACTS = "learned.json"
_TOKENS, _MAP, _LATENT, _STYLE = "tokens", "map", "latent", "style"
_GROWTH = 1.25  # learned from so many fewer papers, it is worth learning again


@dataclass(frozen=True, slots=True)
class Facts:
    """How learning went.

    Attributes:
        papers: How many papers there were.
        map_before: Mean reciprocal rank of held-out papers by their titles, without a map.
        map_after: The same with the best map that was tried; it is kept if that is better.
        weights_from: How many queries the weights were learned from.
    """

    papers: int = 0
    map_before: float = 0.0
    map_after: float = 0.0
    weights_from: int = 0


class _Numbers(msgspec.Struct):
    """What is numbers and no arrays, as its file has it."""

    weights: Weights
    calibration: Calibration
    facts: Facts


@dataclass(frozen=True, slots=True)
class Learned:
    """What was learned; a part that is `None` was not, or did not help.

    Attributes:
        tokens: The space of the token vectors.
        map: Of the encoder's vectors.
        latent: Terms in latent space.
        style: How made-up summaries read.
        weights: Of the legs.
        calibration: What evidence is worth.
        facts: How it went.
    """

    tokens: TokenSpace | None = None
    map: LinearMap | None = None
    latent: LatentSpace | None = None
    style: Style | None = None
    weights: Weights = field(default_factory=Weights)
    calibration: Calibration = field(default_factory=Calibration)
    facts: Facts = field(default_factory=Facts)

    def outgrown(self, papers: int) -> bool:
        """Whether so many papers would teach more."""
        return papers >= _GROWTH * max(self.facts.papers, 1)

    def weighted(self, weights: Weights, queries: int) -> Learned:
        """The same with other weights, learned from so many queries."""
        return replace(self, weights=weights, facts=replace(self.facts, weights_from=queries))

    def write_style(self, folder: Path) -> None:
        """Write the style beside what `write` wrote."""
        if self.style is not None:
            self.style.write(folder / _STYLE)

    def write(self, folder: Path) -> None:
        """Write what `open` reads."""
        folder.mkdir(exist_ok=True)
        parts = {
            _TOKENS: self.tokens,
            _MAP: self.map,
            _LATENT: self.latent,
            _STYLE: self.style,
        }
        for name, part in parts.items():
            if part is not None:
                part.write(folder / name)
        self.write_facts(folder)

    def write_facts(self, folder: Path) -> None:
        """Write what is numbers and no arrays anew, beside what `write` wrote."""
        values = {
            "weights": self.weights.as_json(),
            "calibration": self.calibration.as_json(),
            "facts": asdict(self.facts),
        }
        text = json.dumps(values, indent=1, sort_keys=True)
        (folder / _FACTS).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Map what `write` wrote.

        Raises:
            OSError: It can't be read.
            ValueError: It is something else.
        """
        numbers = msgspec.json.decode((folder / _FACTS).read_bytes(), type=_Numbers)
        there = {name for name in (_TOKENS, _MAP, _LATENT, _STYLE) if (folder / name).is_dir()}
        return cls(
            TokenSpace.open(folder / _TOKENS) if _TOKENS in there else None,
            LinearMap.open(folder / _MAP) if _MAP in there else None,
            LatentSpace.open(folder / _LATENT) if _LATENT in there else None,
            Style.open(folder / _STYLE) if _STYLE in there else None,
            numbers.weights,
            numbers.calibration,
            numbers.facts,
        )
