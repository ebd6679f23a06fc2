"""Records on disk: byte strings that are read when they are asked for."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

import index
from index import records as module
from index.digests import read_digests
from index.records import Records, StoredPapers, same_papers, store_papers


def written(folder: Path, records: list[bytes]) -> Records:
    Records.write(records, folder / "records.bin", folder / "records.npy")
    return Records.open(folder / "records.bin", folder / "records.npy")


def every(records: Records) -> list[bytes]:
    return [records[row] for row in range(len(records))]


@given(st.lists(st.binary(max_size=40)))
def test_any_records_are_written_and_opened_again(records: list[bytes]) -> None:
    with TemporaryDirectory() as folder:
        opened = written(Path(folder), records)
        assert len(opened) == len(records)
        assert every(opened) == records
        assert [opened[row] for row in reversed(range(len(records)))] == records[::-1]
        assert all(type(opened[row]) is bytes for row in range(len(records)))


@pytest.mark.parametrize("records", [[], [b""], [b"", b""], [b"", b"{}", b""]], ids=str)
def test_empty_records(tmp_path: Path, records: list[bytes]) -> None:
    assert every(written(tmp_path, records)) == records


@pytest.mark.parametrize("records", [[], [b"{}", b""]], ids=str)
def test_a_row_beyond_the_last_is_an_error(tmp_path: Path, records: list[bytes]) -> None:
    with pytest.raises(IndexError):
        written(tmp_path, records)[len(records)]


def test_records_come_from_any_iterable(tmp_path: Path) -> None:
    files = tmp_path / "records.bin", tmp_path / "records.npy"
    Records.write((str(n).encode() for n in range(1_000)), *files)
    assert every(Records.open(*files)) == [str(n).encode() for n in range(1_000)]


def test_a_record_outlives_its_files(tmp_path: Path) -> None:
    records = written(tmp_path, [b"first", b"second"])
    for file in tmp_path.iterdir():
        file.unlink()
    assert every(records) == [b"first", b"second"]


def test_opening_reads_no_record(tmp_path: Path) -> None:
    size = 1_000_000
    Records.write((bytes([n]) * size for n in range(30)), tmp_path / "a.bin", tmp_path / "a.npy")
    tracemalloc.start()
    records = Records.open(tmp_path / "a.bin", tmp_path / "a.npy")
    last = records[29]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert last == bytes([29]) * size
    assert peak < 2 * size


def test_papers_on_disk_are_the_same_papers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    papers = read_digests([Path(index.__file__).parent / "samples"]).papers
    assert store_papers(papers, tmp_path) is papers
    monkeypatch.setattr(module, "MANY", len(papers))
    stored = store_papers(papers, tmp_path)
    assert isinstance(stored, StoredPapers)
    assert not list(tmp_path.iterdir())
    assert list(stored) == list(papers)
    assert stored[-1] == papers[-1]
    assert stored[2:9:3] == list(papers[2:9:3])
    assert same_papers(stored, papers)
    assert not same_papers(stored, papers[1:])
    assert not same_papers(stored, [*papers[1:], papers[0]])
    for row in (len(papers), -len(papers) - 1):
        with pytest.raises(IndexError):
            stored[row]


def test_no_papers_can_be_on_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "MANY", 0)
    assert list(store_papers([], tmp_path)) == []
