"""Days as people name them: `2024-07-16`, `yesterday`, `7d`."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

DAYS = "YYYY-MM-DD, today, yesterday, or an age such as 7d"

_AGO = re.compile(r"([0-9]{1,6}) ?(?:d|days?)(?: ago)?")
_NAMED = {"today": 0, "yesterday": 1}


def day_of(text: str, today: date | None = None) -> date:
    """The day that a text names.

    Args:
        text: `2024-07-16`, `today`, `yesterday`, `7d`, `7 days` or `7 days ago`.
        today: What the ages count from; `None` is the day it is here, on this machine's clock.

    Raises:
        ValueError: It names none.
    """
    today = today or date.today()
    plain = " ".join(text.lower().split())
    ago = _AGO.fullmatch(plain)
    try:
        if ago or plain in _NAMED:
            return today - timedelta(int(ago[1]) if ago else _NAMED[plain])
        return datetime.strptime(plain, "%Y-%m-%d").date()
    except (ValueError, OverflowError):
        raise ValueError(f"{text[:40]!r} is no day: {DAYS}") from None
