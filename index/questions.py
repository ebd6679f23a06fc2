"""Question files: JSON Lines that say what the right reply to a question is."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from index.errors import QuestionsError

MAX_QUERY = 20_000


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and what is right: papers with grades, or that nothing answers.

    Attributes:
        text: In any language.
        lang: Its language, such as `ko`; empty where the file doesn't say.
        relevant: Paper id -> grade, 1 or more; empty where nothing answers.
        section: The section that answers, if the file names one.
        known_item: Whether the question has one right paper.
        kind: What kind of unanswerable question this is; `None` for all others.
    """

    text: str
    lang: str
    relevant: dict[str, int]
    section: str | None
    known_item: bool
    kind: str | None


def read_questions(files: Iterable[Path]) -> list[Question]:
    """Read question files.

    A row has a `query` and one of `paper` (the one that answers), `relevant` (id -> grade) or
    `kind` (nothing answers); rows about something else are passed over.

    Raises:
        QuestionsError: A file can't be read, or a row is wrong; file and line are named.
    """
    files, questions = list(files), []
    for file in files:
        try:
            lines = file.read_text(encoding="utf-8-sig").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise QuestionsError(f"{file} can't be read: {reason.lower()}") from None
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    question = _question(json.loads(line))
                except (
                    ValueError,
                    TypeError,
                    AttributeError,
                    OverflowError,
                    RecursionError,
                ) as error:
                    raise QuestionsError(f"{file}:{number}: {error}") from None
                if question:
                    questions.append(question)
    if not questions:
        raise QuestionsError(f"no questions in {', '.join(map(str, files))}")
    return questions


def _question(row: dict[str, Any]) -> Question | None:
    if row.get("bad_summary") or not {"paper", "relevant", "kind"} & row.keys():
        return None
    text = row.get("query")
    if not isinstance(text, str) or not text.strip():
        raise ValueError("a question should have a “query”")
    if len(text) > MAX_QUERY:
        raise ValueError(f"a “query” of {len(text):,} characters, up to {MAX_QUERY:,} are asked")
    relevant = {row["paper"]: 1} if "paper" in row else row.get("relevant", {})
    for name in (text, *map(str, relevant)):
        name.encode()  # half a surrogate pair can't be written into a report
    grades = {str(paper): int(grade) for paper, grade in relevant.items()}
    section = row.get("section")
    return Question(
        text,
        str(row.get("lang", "")),
        grades,
        section if section not in ("", "title") else None,
        "paper" in row,
        None if grades else str(row.get("kind", "unanswerable")),
    )
