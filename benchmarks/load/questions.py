"""Questions of which none is asked twice in a run: nothing can be answered from a cache."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from index.snapshot import Snapshot

_ADDED = 2  # words of other questions


def of_file(evaluation: Path) -> list[str]:
    """The questions in a folder of question files."""
    lines = (evaluation / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["query"] for line in lines if line.strip()]


def of_titles(snapshot: Snapshot) -> list[str]:
    """The titles of an index."""
    return [snapshot.paper(row).title for row in range(len(snapshot))]


def distinct(texts: Sequence[str], seed: int = 0) -> Iterator[str]:
    """Each text with words of others, without end and never the same twice.

    Args:
        texts: Questions or titles; they follow one another.
        seed: Another one gives other words.
    """
    chance = random.Random(seed)
    words = sorted({word for text in texts for word in text.split()})
    seen: set[str] = set()
    number = 0
    while True:
        text = texts[number % len(texts)]
        added = [chance.choice(words) for _ in range(_ADDED)]
        # Where few words go round, a number makes the difference.
        made = " ".join([text, *added])
        if made in seen:
            made = f"{made} {number}"
        seen.add(made)
        number += 1
        yield made
