"""What a new version has to pass before it is published."""

from index.checking.checks import Checked, GoldenQuality, Quality, check
from index.checking.golden import find_golden

__all__ = ["Checked", "GoldenQuality", "Quality", "check", "find_golden"]
