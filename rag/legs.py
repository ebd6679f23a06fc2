"""How each leg of a search fared: one that fails is left out, and the reply says so."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar

from index.errors import NonmunError
from index.scoring import Leg
from index.stages import Stage, stage

T = TypeVar("T")

log = logging.getLogger(__name__)


class Status(StrEnum):
    """How a leg fared in one search."""

    OK = "ok"
    OFF = "off"
    FAILED = "failed"
    SLOW = "slow"


class Legs(dict[Leg, Status]):
    """What each leg says of itself; all are off until they run, but for those that have failed."""

    def __init__(self, failed: Mapping[Leg, Exception] = MappingProxyType({})) -> None:
        """Run nothing yet.

        Args:
            failed: Legs that have failed already, and why.
        """
        super().__init__(dict.fromkeys(Leg, Status.OFF) | dict.fromkeys(failed, Status.FAILED))
        self._failed = failed

    def run(self, leg: Leg, score: Callable[[], T]) -> T | None:
        """Run a leg; if it fails, say so and go on without it."""
        try:
            if leg in self._failed:
                raise self._failed[leg]
            with stage(Stage(leg)):
                scores = score()
        # Whatever a library raises, the other legs still answer.
        except Exception as error:
            known = isinstance(error, NonmunError)
            log.error("the %s leg failed: %s", leg, error, exc_info=not known)
            self[leg] = Status.FAILED
            return None
        self[leg] = Status.OK
        return scores
