"""What a build does with forgotten papers: nothing of them is in the new version's files."""

from __future__ import annotations

from pathlib import Path

import pytest

from index.build import build
from index.manifest import LAYOUT
from index.progress import Silent
from index.report import Report
from index.settings import BuildOptions, BuildSettings, CheckSettings
from index.sources import plan_build
from index.store import Store

pytestmark = pytest.mark.usefixtures("quick")

GONE = "2405.00003"
# Words that no other paper has, in all the places where a paper has words.
TRACES = [GONE, "Zyxwvut", "zyxwvut", "쿼크별곡", "Quixoticus", "quixoticus", "가랑잎", "qrstuvw"]


@pytest.fixture
def digests(tmp_path: Path) -> Path:
    """Eight papers; two have words in common that no other has, and stand on two days."""
    folder = tmp_path / "digests"
    folder.mkdir()
    for day in range(1, 9):
        rare = day in (3, 4)
        title = f"Zyxwvut Model {day}" if rare else f"Plain Model {day}"
        author = "Ada Quixoticus" if rare else f"Author Number{day}"
        text = (
            f"쿼크별곡을 다룬다. {day}째 가랑잎이다."
            if rare
            else f"{day}째 논문이다. 모형을 다룬다."
        )
        url = f"https://example.org/qrstuvw-{day}" if rare else "https://example.org/plain"
        (folder / f"2024-05-{day:02}.md").write_text(
            f"### [{title}](https://arxiv.org/abs/2405.0000{day})\n\n![]({url}.png)\n\n"
            f"Authors: {author}, Common Coauthor\n\n"
            f"- **What's New**: {text}\n- **Summary**: 모두 같은 글이다(common text).\n",
            encoding="utf-8",
        )
    (folder / "2024-05-09.md").write_text(
        (folder / "2024-05-03.md").read_text(encoding="utf-8"), encoding="utf-8"
    )
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data")


def _traces(folder: Path, words: list[str]) -> list[str]:
    found = []
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            for word in words:
                spellings = {word.encode(), word.encode("utf-16-le"), word.encode("utf-32-le")}
                spellings.add(ascii(word)[1:-1].encode())
                found += [f"{word} in {path.name}" for one in spellings if one in data]
    return found


def test_the_traces_are_there_before(store: Store, digests: Path) -> None:
    built = build([digests], store)
    found = _traces(built.folder, TRACES)
    assert {trace.partition(" ")[0] for trace in found} == set(TRACES)
    assert "가랑잎 in terms.json" in found  # what the latent space was learned from


@pytest.mark.parametrize("full", [False, True])
def test_nothing_of_forgotten_papers_is_in_the_files(
    store: Store, digests: Path, full: bool
) -> None:
    build([digests], store)
    store.forgotten.add([GONE], ["ada quixoticus"])
    built = build([digests], store, options=BuildOptions(full=full))
    assert built.new
    assert _traces(built.folder, TRACES) == []
    assert built.report.forgotten == 2
    assert built.report.plan
    assert built.report.plan.removed == ()
    assert built.report.papers == 6


def test_papers_kept_missing_are_forgotten_too(store: Store, digests: Path) -> None:
    build([digests], store)
    for name in ("2024-05-03.md", "2024-05-04.md", "2024-05-09.md"):
        (digests / name).unlink()
    store.forgotten.add([], ["Ada Quixoticus"])
    built = build([digests], store, options=BuildOptions(keep_missing=True))
    assert _traces(built.folder, TRACES) == []


@pytest.mark.parametrize("keep_missing", [False, True])
def test_one_whose_author_only_a_new_digest_names_is_told_of_nowhere(
    store: Store, digests: Path, keep_missing: bool
) -> None:
    """The live version knows the paper without authors: nothing in it says that it is forgotten."""
    for name in ("2024-05-03.md", "2024-05-09.md"):
        path = digests / name
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("Authors: Ada Quixoticus, Common Coauthor\n", ""), "utf-8")
    (digests / "2024-05-04.md").unlink()
    build([digests], store)
    (digests / "2024-05-10.md").write_text(
        (digests / "2024-05-03.md")
        .read_text(encoding="utf-8")
        .replace("- **What's", "Authors: Ada Quixoticus\n\n- **What's"),
        encoding="utf-8",
    )
    store.forgotten.add([], ["Ada Quixoticus"])
    options = BuildOptions(keep_missing=keep_missing)
    plan, _ = plan_build([digests], store, options, Silent())
    built = build([digests], store, options=options)
    assert built.report.plan
    assert plan.removed == built.report.plan.removed == ()
    assert plan.added == built.report.plan.added == ()
    assert (built.report.papers, built.report.forgotten) == (6, 1)
    assert _traces(built.folder, TRACES) == []


def test_later_builds_keep_them_out_until_it_is_undone(store: Store, digests: Path) -> None:
    build([digests], store)
    store.forgotten.add([GONE], [])
    build([digests], store)
    assert not build([digests], store).new
    (digests / "2024-05-10.md").write_text(
        (digests / "2024-05-03.md").read_text(encoding="utf-8"), encoding="utf-8"
    )
    assert store.open_live().row_of(GONE) is None
    assert not build([digests], store).new
    store.forgotten.remove([GONE], [])
    assert build([digests], store).report.plan
    assert store.open_live().row_of(GONE) is not None


def test_forgetting_most_papers_is_no_loss(store: Store, digests: Path) -> None:
    build([digests], store)
    store.forgotten.add([f"2405.0000{day}" for day in range(1, 7)], [])
    assert build([digests], store).report.papers == 2


def test_forgetting_most_papers_by_their_authors_is_no_loss_though_no_digest_has_them(
    store: Store, digests: Path
) -> None:
    build([digests], store)
    gone = (1, 2, 5, 6, 7, 8)
    for day in gone:
        (digests / f"2024-05-0{day}.md").unlink()
    store.forgotten.add([], [f"Author Number{day}" for day in gone])
    assert build([digests], store).report.papers == 2


def test_golden_questions_about_one_that_never_was_published_are_left_out(
    store: Store, digests: Path
) -> None:
    (digests / "golden.jsonl").write_text(
        f'{{"query": "쿼크별곡", "paper": "{GONE}"}}\n'
        '{"query": "1째 논문", "paper": "2405.00001"}\n',
        encoding="utf-8",
    )
    for name in ("2024-05-03.md", "2024-05-09.md"):
        (digests / name).unlink()
    store.forgotten.add([GONE], [])
    built = build([digests], store)
    assert built.report.quality
    assert built.report.quality.golden
    assert built.report.quality.golden.questions == 1


def test_golden_questions_about_them_are_left_out(store: Store, digests: Path) -> None:
    (digests / "golden.jsonl").write_text(
        '{"query": "쿼크별곡", "paper": "2405.00003"}\n'
        '{"query": "1째 논문", "paper": "2405.00001"}\n',
        encoding="utf-8",
    )
    build([digests], store)
    store.forgotten.add([GONE], [])
    built = build([digests], store)
    assert built.report.quality
    assert built.report.quality.golden
    assert built.report.quality.golden.questions == 1


def test_a_list_that_is_broken_stops_the_build(store: Store, digests: Path) -> None:
    live = build([digests], store).version
    (store.folder / "forgotten.json").write_text("{", encoding="utf-8")
    with pytest.raises(Exception, match=r"forgotten\.json"):
        build([digests], store)
    assert store.live() == live


def test_the_report_of_a_build_that_failed_names_none_either(store: Store, digests: Path) -> None:
    build([digests], store)
    store.forgotten.add([GONE], ["Ada Quixoticus"])
    for day in (1, 2, 5, 6, 7):
        (digests / f"2024-05-0{day}.md").unlink()
    settings = BuildSettings(checks=CheckSettings(least_kept=0.9))
    with pytest.raises(Exception, match="failed its checks"):
        build([digests], store, settings)
    (aside,) = (store.folder / "failed").iterdir()
    assert Report.read(aside)
    assert (aside / LAYOUT.report).is_file()
    assert _traces(aside, TRACES) == []
