"""What a build learned of how made-up summaries read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from index.quality.style import Style

STYLE = Style(np.array([0.5, -2.0, 0.0], np.float32), -0.25)


def test_it_gives_the_log_odds_of_each_summary() -> None:
    summaries = np.array([[1, 0, 7], [0, 1, 7], [0, 0, 0], [0.5, -0.5, 1]], np.float32)
    odds = STYLE(summaries)
    assert odds.tolist() == [0.25, -2.25, -0.25, 1.0]
    assert odds.dtype == np.float64
    assert STYLE(summaries[:0]).shape == (0,)


def test_it_comes_back_as_it_was_written(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    style = Style(random.normal(size=64).astype(np.float32), 1 / 3)
    style.write(tmp_path / "style")
    found = Style.open(tmp_path / "style")
    assert found.weights.dtype == np.float32
    assert found.weights.tolist() == style.weights.tolist()
    assert found.offset == style.offset
    assert isinstance(found.offset, float)
    summaries = random.normal(size=(5, 64)).astype(np.float32)
    assert found(summaries) == pytest.approx(style(summaries))
