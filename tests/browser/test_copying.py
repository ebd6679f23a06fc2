"""A paper as BibTeX and as Markdown, on the clipboard."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.questions import BOLTS_PAPER, HOSTILE_PAPER, RAG_PAPER, SCRIPT_PAPER
from tests.browser.reader import Reader

pytestmark = pytest.mark.slow

BOLTS_BIBTEX = r"""@misc{oneil2025fewer,
  title = {{50\% Fewer Bolts: \$n\_2\$ \& \textbraceleft{}C\#\textbraceright{} \textasciitilde{}}},
  author = {Jürgen O'Neil and Ada \#1 Builder},
  year = {2025},
  eprint = {2503.09902},
  archivePrefix = {arXiv},
  url = {https://arxiv.org/abs/2503.09902}
}
"""
RAG_BEGIN = """## [Retrieval-Augmented Generation for Knowledge-Intensive NLP Tasks]\
(<https://arxiv.org/abs/2005.11401>)

2025-03-03 · Patrick Lewis, Ethan Perez, """


@pytest.fixture
def reader(open_page: Open) -> Reader:
    return open_page(permissions=["clipboard-read", "clipboard-write"])


def _copy(reader: Reader, paper: str, button: str) -> str:
    reader.visit(paper=paper)
    reader.button(button).click()
    expect(reader.status(reader.words("copied"))).to_be_visible()
    text: str = reader.page.evaluate("navigator.clipboard.readText()")
    return text


def test_bibtex_escapes_what_tex_would_take_for_commands(reader: Reader) -> None:
    assert _copy(reader, BOLTS_PAPER, "copyBibtex") == BOLTS_BIBTEX


def test_markdown_has_the_facts_and_all_sections(reader: Reader) -> None:
    text = _copy(reader, RAG_PAPER, "copyMarkdown")
    assert text.startswith(RAG_BEGIN)
    assert " · ▲ 27\n" in text
    names = [line for line in text.splitlines() if line.startswith("### ")]
    assert names == ["### What's New", "### Technical Details", "### Performance Highlights"]
    assert text.endswith("사실에 맞는 문장을 만들어 냈습니다.\n")


@pytest.mark.parametrize("button", ["copyBibtex", "copyMarkdown"])
def test_no_script_address_is_copied(reader: Reader, button: str) -> None:
    text = _copy(reader, SCRIPT_PAPER, button)
    assert "곤충 소리 분류" in text
    assert "javascript:" not in text


def test_a_title_is_no_markup_in_markdown(reader: Reader) -> None:
    first = _copy(reader, HOSTILE_PAPER, "copyMarkdown").splitlines()[0]
    assert first.startswith(r"## [\<script\>")


def test_where_the_browser_forbids_it_the_text_is_shown(open_page: Open) -> None:
    reader = open_page()
    reader.page.add_init_script(
        "navigator.clipboard.writeText = () => Promise.reject(new Error('forbidden'))"
    )
    reader.visit(paper=BOLTS_PAPER)
    reader.button("copyBibtex").click()
    expect(reader.page.get_by_label(reader.words("notCopied"))).to_have_value(BOLTS_BIBTEX)


def test_another_paper_forgets_what_was_copied(reader: Reader) -> None:
    _copy(reader, BOLTS_PAPER, "copyBibtex")
    reader.region("similar").get_by_role("link", name=f"{reader.words('whole')}:").first.click()
    expect(reader.page.get_by_role("heading", level=1)).to_be_focused()
    expect(reader.status(reader.words("copied"))).to_have_count(0)
