"""What evidence is worth on a corpus."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Self

from index.confidence.evidence import Evidence

_ABSENT = 2.0  # standard deviations that a missing name costs (docs/decisions.md)
_MOST_ABSENT = 2
_VOUCHING = 0.6  # the share of a question's words that speaks for the paper that has them


@dataclass(frozen=True, slots=True)
class Calibration:
    """How evidence becomes confidence; the defaults are those of a large corpus of digests.

    Attributes:
        cosine: Mean and standard deviation of the cosine, for questions that have an answer.
        tokens: The same of MaxSim.
        slope: Of the logistic curve, per standard deviation.
        offset: Where it is at 0.
        threshold: The confidence that all but 4.5% of the titles reach.
        questions: How many titles all this was learned from.
    """

    cosine: tuple[float, float] = (0.413, 0.096)
    tokens: tuple[float, float] = (0.669, 0.079)
    slope: float = 0.68
    offset: float = 0.88
    threshold: float = 0.29
    questions: int = 0

    def confidence(self, evidence: Evidence) -> float:
        """How probable it is that the papers answer: 0 to 1."""
        if evidence.named and not evidence.absent:
            return 1.0
        score = self.score(evidence)
        sure = 0.0 if score is None else logistic(self.slope * score + self.offset)
        if not evidence.absent and evidence.held >= _VOUCHING:
            sure = max(sure, evidence.held)
        return round(sure, 4)

    def score(self, evidence: Evidence) -> float | None:
        """Standard deviations above a question that has an answer; `None` without evidence."""
        scales = ((evidence.cosine, self.cosine), (evidence.tokens, self.tokens))
        found = [(value - mean) / width for value, (mean, width) in scales if value is not None]
        if not found:
            return None
        return 2 * sum(found) / len(found) - _ABSENT * min(evidence.absent, _MOST_ABSENT)

    def as_json(self) -> dict[str, Any]:
        """The values by name."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Read what `as_json` gave."""
        pairs = {name: tuple(values[name]) for name in ("cosine", "tokens")}
        return cls(**{**values, **pairs})


def logistic(value: float) -> float:
    """1 / (1 + e^-x)."""
    return 1 / (1 + math.exp(-max(-50.0, min(50.0, value))))
