"""How sure one can be that papers answer a question: evidence, and what it is worth."""

from index.confidence.calibration import Calibration
from index.confidence.evidence import Evidence, gather
from index.confidence.names import names_in

__all__ = ["Calibration", "Evidence", "gather", "names_in"]
