"""The index: what is served, how it was built, and a build that runs."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from index.journal import FOLDER, Journal
from tests.browser.conftest import Open
from tests.browser.questions import KOREAN
from tests.browser.reader import Reader
from tests.browser.site import PAPERS, Site

pytestmark = pytest.mark.slow


def _figure(reader: Reader, name: str) -> str:
    """What stands below a name, above the tables."""
    figures = reader.page.locator(".figures div")
    return (
        figures.filter(has=reader.page.get_by_text(reader.words(name), exact=True))
        .first.locator("dd")
        .inner_text()
    )


@pytest.mark.parametrize("language", ["ko", "en"])
def test_it_tells_what_is_served(open_page: Open, site: Site, language: str) -> None:
    reader = open_page(language)
    reader.visit(view="index")
    expect(reader.heading("indexTitle")).to_be_visible()
    served = site.service.get("/v1/index")
    assert _figure(reader, "served") == served["index_version"]
    assert _figure(reader, "papers") == str(PAPERS)
    assert _figure(reader, "since") == served["since"]
    assert _figure(reader, "until") == served["until"]
    assert _figure(reader, "size").endswith(" MB")
    assert "2" in _figure(reader, "built")
    expect(reader.page).to_have_title(f"{reader.words('indexTitle')} · nonmun")


def test_it_lists_the_versions_with_what_changed(reader: Reader, site: Site) -> None:
    reader.visit(view="index")
    versions = site.service.get("/v1/index")["versions"]
    rows = reader.region("versions").get_by_role("row")
    expect(rows).to_have_count(1 + len(versions))
    live = rows.filter(has_text=reader.words("live"))
    expect(live).to_have_count(1)
    expect(live.get_by_role("rowheader")).to_contain_text(versions[0]["version"])
    expect(live).to_contain_text("+4 ~0 −0")


def test_it_shows_the_report_of_the_last_build(reader: Reader, site: Site) -> None:
    reader.visit(view="index")
    version = site.service.get("/v1/index")["index_version"]
    build = reader.region("builds").get_by_role("row").filter(has_text=version)
    expect(build).to_contain_text(reader.words("state_done"))
    assert _figure(reader, "files") == "4"
    assert _figure(reader, "entries") == str(PAPERS)
    assert _figure(reader, "flag_untranslated") == "1"
    problem = reader.page.get_by_role("listitem").filter(has_text="2025-03-10.md:")
    expect(problem).to_contain_text("주소가 없는 논문")


def test_a_running_build_is_followed_until_it_ends(reader: Reader, site: Site) -> None:
    with Journal(site.store.folder / FOLDER).begin() as recorder:
        recorder.stage("encode", 200)
        reader.visit(view="index")
        running = reader.status(reader.words("state_running"))
        expect(running).to_contain_text("encode")
        expect(running).to_contain_text("0 / 200")
        bar = running.get_by_role("progressbar", name="encode")
        expect(bar).to_have_attribute("max", "200")
        recorder.stage("write", 3000)
        expect(running).to_contain_text("0 / 3,000")
        recorder.failed("the disk is full")
    expect(running).to_have_count(0)
    last = reader.region("builds").get_by_role("row").nth(1)
    expect(last).to_contain_text(reader.words("state_failed"))
    expect(last).to_contain_text("the disk is full")
    # The last report is that of a build which published.
    assert _figure(reader, "files") == "4"


def test_a_question_asked_there_leads_to_papers(reader: Reader) -> None:
    reader.visit(view="index")
    reader.ask(KOREAN)
    assert "view=" not in reader.page.url
