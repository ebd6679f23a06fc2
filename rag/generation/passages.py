"""Passages as a prompt shows them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Numbered:
    """A passage under the number by which an answer cites it.

    Attributes:
        number: From 1; no two passages of a prompt share one.
        title: Of the paper.
        section: Its name, such as "What's New".
        text: What is shown.
        sentences: Their spans in `text`; empty where they are not known.
    """

    number: int
    title: str
    section: str
    text: str
    sentences: tuple[tuple[int, int], ...]
