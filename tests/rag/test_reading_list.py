"""Files that name papers, one a line."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from time import perf_counter

import pytest

from index.papers import paper_id
from rag.errors import ReadingListError
from rag.reading_list import Line, read_list

KNOWN = {"2305.18290", "2106.09685", "blog.example/post-1"}


def _id_of(name: str) -> str | None:
    own = paper_id(name)
    return own if own in KNOWN else None


def _write(folder: Path, content: str | bytes) -> Path:
    path = folder / "list.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_a_line_names_a_paper_as_people_do(tmp_path: Path) -> None:
    text = (
        "# 읽을 것\n\n2305.18290v2 preferences, read twice\r\n"
        "  https://arxiv.org/abs/2106.09685\t# low rank\n"
        "arXiv:2305.18290\nhttps://blog.example/post-1\n   \n#2106.09685"
    )
    found = read_list(_write(tmp_path, text), _id_of)
    assert found.ids == ("2305.18290", "2106.09685", "blog.example/post-1")
    assert found.unknown == ()


def test_what_is_not_here_is_told_with_its_line(tmp_path: Path) -> None:
    path = _write(tmp_path, "\ufeff2305.18290\n\n9999.99999 later\nnotes: 3\n")
    found = read_list(path, _id_of)
    assert found.ids == ("2305.18290",)
    assert found.unknown == (Line(3, "9999.99999"), Line(4, "notes:"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "names no paper; write one id a line"),
        ("\n \n# nothing yet\n", "names no paper; write one id a line"),
        ("\n9999.99999\n", "names no paper that is here; line 2 is '9999.99999'"),
        (b"2305.18290\n\xff\xfe\x00", "should be UTF-8 text; line 2 is not"),
        (b"\x00\x01\x02", r"names no paper that is here; line 1 is '\x00\x01\x02'"),
    ],
)
def test_what_is_no_list_is_told(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = _write(tmp_path, content)
    with pytest.raises(ReadingListError) as raised:
        read_list(path, _id_of)
    assert str(raised.value) == f"{path} {message}"


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "gone", "No such file"), (tmp_path, "directory")):
        with pytest.raises(ReadingListError, match=reason) as raised:
            read_list(path, _id_of)
        assert str(path) in str(raised.value)


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"2106.09685\n"), "ascii"))
    assert read_list(Path("-"), _id_of).ids == ("2106.09685",)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b""), "ascii"))
    with pytest.raises(ReadingListError, match="standard input names no paper"):
        read_list(Path("-"), _id_of)


def test_a_very_long_list_is_read_quickly(tmp_path: Path) -> None:
    lines = "".join(f"24{i % 12 + 1:02}.{i:05} \n" for i in range(100_000))
    path = _write(tmp_path, "2305.18290\n" * 1_000 + lines + "x" * 1_000_000)
    begin = perf_counter()
    found = read_list(path, _id_of)
    assert perf_counter() - begin < 5
    assert found.ids == ("2305.18290",)
    assert len(found.unknown) == 100_001
