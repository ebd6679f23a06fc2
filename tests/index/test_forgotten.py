"""What is forgotten: names that mean the same, the list on disk, digests without it."""

from __future__ import annotations

import json
import os
import threading
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from filelock import FileLock

from index import forgotten as module
from index.digests import Problem, Reading, Severity, read_digests
from index.errors import SnapshotError
from index.forgotten import NOTHING, DenyList, Forgotten
from index.snapshot import Snapshot
from index.store import Store

LORA = "2106.09685"


@pytest.fixture
def deny(tmp_path: Path) -> DenyList:
    return DenyList(tmp_path / "data" / "forgotten.json")


class TestForgotten:
    @pytest.mark.parametrize(
        "name",
        [
            LORA,
            f"{LORA}v2",
            f"arXiv:{LORA}",
            f"https://arxiv.org/abs/{LORA}v1",
            f"http://arxiv.org/pdf/{LORA}",
            f" {LORA} ",
        ],
    )
    def test_a_paper_is_known_by_any_of_its_names(self, snapshot: Snapshot, name: str) -> None:
        row = snapshot.row_of(LORA)
        assert row is not None
        forgotten = Forgotten(papers=frozenset({name}))
        assert forgotten.holds(snapshot.paper(row))
        assert not forgotten.holds(snapshot.paper(row - 1))

    @pytest.mark.parametrize("name", ["2106.09685v3", "my paper!", "+++", "한글 이름"])
    def test_a_paper_whose_digest_gives_it_an_odd_id_is_known_by_it(
        self, snapshot: Snapshot, name: str
    ) -> None:
        paper = replace(snapshot.paper(0), id=name)
        assert Forgotten(papers=frozenset({name})).holds(paper)
        for other in ("another", "***"):
            assert not Forgotten(papers=frozenset({other})).holds(paper)

    @pytest.mark.parametrize(
        "name",
        [
            "Zoë O'Neil",
            "zoë o'neil",
            "ZOË  O’NEIL",
            "\tZoë O’Neil ",
            unicodedata.normalize("NFD", "Zoë O'Neil"),
        ],
    )
    def test_an_author_is_known_however_the_name_is_written(
        self, snapshot: Snapshot, name: str
    ) -> None:
        paper = replace(snapshot.paper(0), authors=("Kim Hana", "Zoë O'Neil"))
        forgotten = Forgotten(authors=frozenset({name}))
        assert forgotten.holds(paper)
        assert not forgotten.holds(replace(paper, authors=("Kim Hana", "Zoë")))

    def test_only_what_names_something_is_true(self) -> None:
        assert not NOTHING
        assert Forgotten(papers=frozenset({LORA}))
        assert Forgotten(authors=frozenset({"Tri Dao"}))

    def test_the_rows_are_those_of_the_papers_that_it_holds(self, snapshot: Snapshot) -> None:
        forgotten = Forgotten(frozenset({f"{LORA}v1", "9999.99999"}), frozenset({"TRI DAO"}))
        rows = forgotten.rows(snapshot)
        assert rows is not None
        papers = [snapshot.paper(row) for row in range(len(snapshot))]
        assert rows.tolist() == [forgotten.holds(paper) for paper in papers]
        assert rows.sum() == 1 + sum("Tri Dao" in paper.authors for paper in papers) > 2

    def test_where_no_paper_is_forgotten_there_are_no_rows(self, snapshot: Snapshot) -> None:
        assert NOTHING.rows(snapshot) is None
        forgotten = Forgotten(frozenset({"9999.99999"}), frozenset({"Nobody"}))
        assert forgotten.rows(snapshot) is None


class TestDenyList:
    def test_without_a_file_nothing_is_forgotten(self, deny: DenyList) -> None:
        assert deny.read() == NOTHING
        assert (deny.entries().papers, deny.entries().authors) == ({}, {})
        assert not deny.path.parent.exists()

    def test_what_is_added_is_forgotten_from_then_on(self, deny: DenyList) -> None:
        assert deny.read() == NOTHING
        assert deny.add([f"{LORA}v2"], ["Tri  Dao"]) == deny.read()
        assert deny.read() == Forgotten(frozenset({LORA}), frozenset({"tri dao"}))
        assert DenyList(deny.path).read() == deny.read()

    def test_only_what_is_new_is_told_and_written_again(self, deny: DenyList) -> None:
        deny.add([LORA], ["Tri Dao"])
        before = deny.path.stat().st_mtime_ns
        assert deny.add([f"arXiv:{LORA}"], ["TRI DAO"]) == NOTHING
        assert deny.path.stat().st_mtime_ns == before
        assert deny.add([LORA, "2401.00001"], ["tri dao", "Ada", "ADA"]) == Forgotten(
            frozenset({"2401.00001"}), frozenset({"ada"})
        )
        assert list(deny.entries().authors) == ["Tri Dao", "ADA"]

    def test_what_is_removed_is_not_forgotten_any_more(self, deny: DenyList) -> None:
        deny.add([LORA, "2401.00001"], ["Tri Dao", "Ada"])
        assert deny.remove([f"{LORA}v1", "9999.99999"], ["TRI dao"]) == Forgotten(
            frozenset({LORA}), frozenset({"tri dao"})
        )
        assert deny.read() == Forgotten(frozenset({"2401.00001"}), frozenset({"ada"}))

    def test_the_file_says_when_each_was_added_and_people_can_read_it(self, deny: DenyList) -> None:
        before = datetime.now(UTC).date()
        deny.add([LORA], ["김하나"])
        text = deny.path.read_text(encoding="utf-8")
        assert "김하나" in text
        said = json.loads(text)
        assert list(said) == ["papers", "authors"]
        assert set(said["papers"]) == {LORA}
        today = datetime.now(UTC).date()
        assert said["authors"]["김하나"] in (before.isoformat(), today.isoformat())

    def test_what_an_operator_writes_counts(self, deny: DenyList) -> None:
        deny.path.parent.mkdir()
        day = "2026-01-31"
        said = {"papers": {f"https://arxiv.org/abs/{LORA}v2": day}, "authors": {"TRI DAO": day}}
        deny.path.write_text(json.dumps(said), encoding="utf-8")
        assert deny.read() == Forgotten(frozenset({LORA}), frozenset({"tri dao"}))
        assert deny.remove([LORA]).papers == {LORA}
        assert deny.entries().papers == {}

    def test_the_file_is_read_again_only_when_it_has_changed(
        self, deny: DenyList, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        deny.add([LORA])
        reads = _count_reads(monkeypatch)
        assert deny.read() is deny.read()
        assert len(reads) == 1
        DenyList(deny.path).add(["2401.00001"])
        reads.clear()
        assert deny.read().papers == {LORA, "2401.00001"}
        assert len(reads) == 1

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"{",
            b"[]",
            b"null",
            b"{}",
            b'{"papers": {}}',
            b'{"papers": [], "authors": {}}',
            b'{"papers": {"2106.09685": "soon"}, "authors": {}}',
            b'{"papers": {}, "authors": {}, "paper": {"2106.09685": "2026-01-31"}}',
            b'{"papers": {"\xff": "2026-01-31"}, "authors": {}}',
        ],
    )
    def test_a_broken_file_is_never_taken_as_empty(
        self, deny: DenyList, content: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        deny.add([LORA])
        deny.path.write_bytes(content)
        reads = _count_reads(monkeypatch)
        for _ in range(2):
            with pytest.raises(SnapshotError, match=r"forgotten\.json is broken.*mend it"):
                deny.read()
        assert len(reads) == 1
        for change in (deny.entries, lambda: deny.add([LORA]), lambda: deny.remove([LORA])):
            with pytest.raises(SnapshotError, match=r"forgotten\.json is broken"):
                change()
        assert deny.path.read_bytes() == content

    def test_a_file_that_the_system_refuses_is_tried_again(
        self, deny: DenyList, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        deny.add([LORA])
        with monkeypatch.context() as patch:
            patch.setattr(Path, "read_bytes", _refuse)
            with pytest.raises(SnapshotError, match=r"forgotten\.json can't be read: permission"):
                deny.read()
        with monkeypatch.context() as patch:
            patch.setattr(Path, "stat", _refuse)
            with pytest.raises(SnapshotError, match=r"forgotten\.json can't be read: permission"):
                deny.read()
        assert deny.read().papers == {LORA}

    def test_a_folder_in_its_place_is_no_empty_list(self, deny: DenyList) -> None:
        deny.path.mkdir(parents=True)
        with pytest.raises(SnapshotError, match=r"forgotten\.json can't be read"):
            deny.read()

    @pytest.mark.parametrize("failing", ["index.durable.sync", "pathlib.Path.replace"])
    def test_a_list_that_cannot_be_written_stays_as_it_was(
        self, deny: DenyList, monkeypatch: pytest.MonkeyPatch, failing: str
    ) -> None:
        deny.add([LORA])

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(failing, full)
            with pytest.raises(SnapshotError, match=r"can't write .*forgotten\.json: no space"):
                deny.add(["2401.00001"])
        assert deny.read().papers == {LORA}
        assert deny.add(["2401.00001"]).papers == {"2401.00001"}

    def test_two_who_add_at_once_lose_nothing(self, deny: DenyList) -> None:
        start = threading.Barrier(4)

        def add(number: int) -> None:
            start.wait()
            for one in range(5):
                DenyList(deny.path).add([f"2401.{number}000{one}"], [f"Author {number} {one}"])

        threads = [threading.Thread(target=add, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(deny.read().papers), len(deny.read().authors)) == (20, 20)

    def test_who_waits_too_long_for_another_is_told(
        self, deny: DenyList, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        deny.add([LORA])
        monkeypatch.setattr(module, "_PATIENCE_S", 0.05)
        with (
            FileLock(deny.path.with_suffix(".lock")),
            pytest.raises(SnapshotError, match=r"another command is changing .*forgotten\.json"),
        ):
            deny.add(["2401.00001"])

    def test_a_store_has_one_for_all_its_versions(self, tmp_path: Path) -> None:
        store = Store(tmp_path)
        store.forgotten.add([LORA])
        assert (tmp_path / "forgotten.json").exists()
        assert store.forgotten is store.forgotten
        assert Store(tmp_path).forgotten.read().papers == {LORA}


def _count_reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    reads: list[Path] = []
    read_bytes: Callable[[Path], bytes] = Path.read_bytes

    def read(path: Path) -> bytes:
        reads.append(path)
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", read)
    return reads


def _refuse(*_: object, **__: object) -> bytes:
    raise PermissionError(13, os.strerror(13))


# Digests without what is forgotten

GONE, KEPT = "2407.00001", "2407.00002"
AUTHOR = "Zoë O'Neil"
SECRET = "비밀"  # in all that a forgotten paper says
BY_ID = Forgotten(papers=frozenset({f"{GONE}v1"}))
BY_AUTHOR = Forgotten(authors=frozenset({AUTHOR.upper()}))
DAY = "## 2024-07-16\n\n"


def _entry(name: str, title: str, *lines: str, authors: str = "") -> str:
    about = f"Authors: {authors}\n\n" if authors else ""
    return f"### [{title}](https://arxiv.org/abs/{name})\n\n{about}" + "".join(lines) + "\n"


NEIGHBOUR = _entry(KEPT, "이웃", "- 이웃은 남는다.\n", authors="김하나")


def _read(folder: Path, forgotten: Forgotten, **files: str) -> Reading:
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="utf-8")
    return read_digests([folder], forgotten=forgotten)


@pytest.mark.parametrize("forgotten", [BY_ID, BY_AUTHOR], ids=["by id", "by author"])
class TestDigests:
    def test_a_forgotten_paper_is_left_out_and_counted(
        self, tmp_path: Path, forgotten: Forgotten
    ) -> None:
        text = DAY + _entry(GONE, SECRET, f"- {SECRET}.\n", authors=f"김하나, {AUTHOR}") + NEIGHBOUR
        found = _read(tmp_path, forgotten, a__md=text)
        assert [paper.id for paper in found.papers] == [KEPT]
        assert (found.entries, found.forgotten, found.remarks) == (1, 1, ())

    def test_one_that_stands_in_two_digests_is_named_by_no_note(
        self, tmp_path: Path, forgotten: Forgotten
    ) -> None:
        entry = _entry(GONE, SECRET, f"- {SECRET}.\n", authors=AUTHOR)
        found = _read(
            tmp_path, forgotten, a__md=DAY + entry + NEIGHBOUR, b__md=DAY + NEIGHBOUR + entry
        )
        assert found.forgotten == 1
        (note,) = found.notes
        assert KEPT in note.reason

    def test_nothing_that_is_said_of_it_comes_through(
        self, tmp_path: Path, forgotten: Forgotten
    ) -> None:
        """Whatever is wrong with its entry, in either layout; of its neighbour all is said."""

        def broken(name: str, title: str, authors: str) -> str:
            return "".join(
                [
                    _entry(name, title, authors=authors),
                    _entry(name, title, f"- **{title}**:\n- **결과**: 글.\n", authors=authors),
                    _entry(name, "", f"- {title}.\n", authors=authors),
                    _entry(name, title, f"Vote: {title}\n\n- 글.\n", authors=authors),
                ]
            )

        def rows(name: str, title: str, authors: list[str]) -> str:
            row = {"id": name, "title": title, "authors": authors}
            texts = [{"text": f"{title}."}]
            found = [
                {**row, "sections": texts},
                {**row, "sections": title},
                {**row, "sections": texts, "date": title},
                {**row, "sections": texts, "title": [title]},
            ]
            return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in found)

        files = {
            "a__md": broken(GONE, SECRET, AUTHOR) + broken(KEPT, "이웃", "김하나"),
            "b__jsonl": rows(GONE, SECRET, [AUTHOR]) + rows(KEPT, "이웃", ["김하나"]),
        }
        everything = _read(tmp_path, NOTHING, **files)
        found = _read(tmp_path, forgotten, **files)
        assert [paper.id for paper in found.papers] == [KEPT]
        said = "\n".join(map(str, found.remarks))
        for word in (GONE, SECRET):
            assert word in "\n".join(map(str, everything.remarks))
            assert word not in said
        assert said.count("이웃") >= 8
        assert {type(remark) for remark in found.remarks} == {Problem}
        assert len(found.remarks) * 2 == len(everything.remarks)


def test_a_heading_whose_link_is_broken_is_not_quoted_if_it_has_the_address(
    tmp_path: Path,
) -> None:
    heading = f"### [{SECRET}](https://arxiv.org/abs/{GONE}\n\n- {SECRET}.\n"
    found = _read(tmp_path, BY_ID, a__md=DAY + heading + NEIGHBOUR)
    assert [one.severity for one in found.remarks] == [Severity.NOTE]
    assert SECRET not in str(found.remarks[0])


@pytest.mark.parametrize("first", ["a", "b"])
def test_an_author_whom_one_digest_leaves_out_is_an_author_all_the_same(
    tmp_path: Path, first: str
) -> None:
    second = "b" if first == "a" else "a"
    found = _read(
        tmp_path,
        BY_AUTHOR,
        **{
            f"{first}__md": DAY + _entry(GONE, SECRET, f"- {SECRET}.\n", authors=AUTHOR),
            f"{second}__md": _entry(GONE, SECRET, f"- {SECRET}.\n", authors="김하나, +"),
            "c__md": DAY + NEIGHBOUR,
        },
    )
    assert [paper.id for paper in found.papers] == [KEPT]
    assert (found.forgotten, found.remarks) == (1, ())


def test_different_papers_are_counted_once_each(tmp_path: Path) -> None:
    rows = [
        {"id": name, "date": "2024-07-16", "sections": [{"text": "글."}], "authors": [AUTHOR]}
        for name in (GONE, f"{GONE}v2", "2407.00003", "mine")
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    found = _read(tmp_path, BY_AUTHOR, a__jsonl=text, b__md=DAY + NEIGHBOUR)
    assert (found.forgotten, len(found.papers)) == (3, 1)
    assert found.left_out == {GONE, "2407.00003", "mine"}


def test_where_nothing_is_forgotten_all_is_read(tmp_path: Path) -> None:
    text = DAY + _entry(GONE, "제목", "- 글.\n", authors=AUTHOR)
    found = _read(tmp_path, NOTHING, a__md=text)
    assert ([paper.id for paper in found.papers], found.forgotten) == ([GONE], 0)
