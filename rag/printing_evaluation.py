"""What `nonmun eval` prints."""

from __future__ import annotations

from dataclasses import asdict

from rag.evaluation import RankingScores, Scores
from rag.intervals import Interval
from rag.self_evaluation import Trial
from rag.terminal import count, print_json, share


def scores(result: Scores, as_json: bool) -> None:
    """How questions were answered."""
    if as_json:
        print_json(asdict(result))
        return
    intervals = result.intervals
    if intervals.known_item:
        _known_items(result)
    topical = f"topical, {count(int(result.topical.get('questions', 0)), 'question')}"
    wrongly, cited = intervals.wrongly_refused, intervals.cited
    for name, rows in (
        (topical, intervals.topical),
        ("refused where nothing answers", intervals.refused),
        ("refused wrongly", {"all": wrongly} if wrongly else {}),
        ("answers that cite the right paper", {"all": cited} if cited else {}),
    ):
        if rows:
            print(f"{name}:")
            width = max(map(len, rows))
            for row, one in rows.items():
                print(f"  {row:<{width}}  {_interval(one)}")
    if intervals.known_item or intervals.topical or intervals.refused:
        print("In brackets: 95% bootstrap interval of the mean over questions.")
    if result.missing:
        print(f"papers that are not in this index: {len(result.missing)}")


def own(found: dict[Trial, RankingScores], version: str, as_json: bool) -> None:
    """How the corpus's own questions were answered."""
    intervals = {trial: scores.intervals() for trial, scores in found.items()}
    counts = {trial: len(next(iter(scores.values.values()))) for trial, scores in found.items()}
    if as_json:
        values = {
            trial: {"questions": counts[trial], **{n: asdict(one) for n, one in rows.items()}}
            for trial, rows in intervals.items()
        }
        print_json({"own": values, "index_version": version})
        return
    columns = list(next(iter(intervals.values())))
    width = max(len(trial) for trial in intervals) + 1
    print(f"{'':<{width}}{'n':>5}" + "".join(f"  {name:<15}" for name in columns).rstrip())
    for trial, rows in intervals.items():
        cells = "".join(f"  {_interval(rows.get(name)):<15}" for name in columns)
        print(f"{trial:<{width}}{counts[trial]:>5}{cells.rstrip()}")
    print("Papers by what they say of themselves, which nothing was learned from:")
    print("  titles: the English title, where no title is in the index")
    print("  sentences: a sentence, where its passage is not in the index")
    print("  rare terms: names and numbers that hardly any other paper has")
    print("In brackets: 95% bootstrap interval of the mean over questions.")


def _known_items(result: Scores) -> None:
    """A table of groups and measures, on 80 columns."""
    rows = result.intervals.known_item
    columns = list(rows["all"])
    width = max(6, *(len(group) + 1 for group in rows))
    print(f"{'':<{width}}{'n':>5}" + "".join(f"  {name:<15}" for name in columns).rstrip())
    for group, values in rows.items():
        questions = result.known_item[group]["questions"]
        cells = (_interval(values.get(name)) for name in columns)
        print(
            f"{group:<{width}}{questions:>5}" + "".join(f"  {cell:<15}" for cell in cells).rstrip()
        )


def _interval(one: Interval | None) -> str:
    """Such as `.697 [.62, .77]`."""
    if one is None:
        return "-"
    return f"{share(one.mean, 3)} [{share(one.low, 2)}, {share(one.high, 2)}]"
