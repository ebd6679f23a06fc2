"""What a build computes with, as plain values: nothing heavy is imported to read them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Self

from index.batch import BatchSettings
from index.encoders import EncoderSettings, LateSettings


@dataclass(frozen=True, slots=True)
class Weights:
    """What a standard deviation of each leg is worth; the defaults suit no corpus in particular.

    Attributes:
        lexical: Of BM25, times the share of the query's words that the best paper has.
        native: Of BM25 as well, for a query in Korean, as far as that share is more than a fifth.
        dense: Of the best passage's cosine.
        title: Of the title's cosine.
        latent: Of the cosine in the latent space.
        late: Of MaxSim, for a question that says enough to be specific.
        feedback: Of likeness to what the others put first.
    """

    lexical: float = 0.8
    native: float = 2.0
    dense: float = 1.2
    title: float = 0.3
    latent: float = 0.3
    late: float = 1.8
    feedback: float = 0.9

    def as_json(self) -> dict[str, float]:
        """The weights by name."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Read what `as_json` gave."""
        return cls(**values)


@dataclass(frozen=True, slots=True)
class LearnSettings:
    """How much a build learns, saved beside what it learned and read back through this class.

    Attributes:
        budget_s: About how many seconds the map may take on two cores; more than 10 change
            nothing (`adapt.steps_of`), 0 learns nothing but the tokens' space, which late
            interaction can't do without.
        held_out: The share of papers that only validate.
    """

    budget_s: float = 60.0
    held_out: float = 0.1

    def as_json(self) -> dict[str, Any]:
        """The settings as they stand in a manifest."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Read what `as_json` gave."""
        return cls(**values)


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """What a new version has to pass before it is published.

    Attributes:
        least_kept: The share of the live version's papers that it has to have.
        golden_tolerance: How much its recall@10 and MRR@10 for the golden questions may be
            below the live version's.
        golden: Their file; empty takes those that lie beside the digests.
    """

    least_kept: float = 0.5
    golden_tolerance: float = 0.02
    golden: str = ""


@dataclass(frozen=True, slots=True)
class VectorSettings:
    """Which index a build makes.

    Attributes:
        index: `exact`, `sq8` or `rabitq`, or `auto`, which chooses by the number of vectors.
        exact_rows: Up to how many `auto` takes `exact`.
        memory_mb: What `sq8` may take; where it would take more, `auto` takes `rabitq`.
        recall: The share of the exact ten that a search is to find.
    """

    index: str = "auto"
    exact_rows: int = 100_000
    memory_mb: int = 2_000
    recall: float = 0.98

    def as_json(self) -> dict[str, Any]:
        """The settings as they stand in a manifest."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class BuildSettings:
    """What a build computes with, and what becomes of it.

    Attributes:
        encoder: Of whole texts.
        late: Of their tokens.
        learn: How much it learns of the corpus.
        checks: What the version has to pass.
        keep: How many published versions are kept.
        vectors: Which indexes it makes of the vectors.
        batch: Where the work is done.
    """

    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    late: LateSettings = field(default_factory=LateSettings)
    learn: LearnSettings = field(default_factory=LearnSettings)
    checks: CheckSettings = field(default_factory=CheckSettings)
    keep: int = 5
    vectors: VectorSettings = field(default_factory=VectorSettings)
    batch: BatchSettings = field(default_factory=BatchSettings)


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What one build is asked to do, whatever it computes with.

    Attributes:
        full: Compute and learn everything anew.
        strict: Publish nothing if anything could not be read.
        keep_missing: Keep papers of the live version that are in no source any more.
        force: Publish a version that fails its checks, and say so in its manifest.
    """

    full: bool = False
    strict: bool = False
    keep_missing: bool = False
    force: bool = False
