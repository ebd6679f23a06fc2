"""The page at /: its files are sent as they are, to anybody, and nothing else is."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from fastapi.testclient import TestClient
from starlette.types import Message

from index.build import build
from index.snapshot import Snapshot
from index.store import Store
from rag.service import page
from rag.service.page import FOLDER, read_page
from rag.settings import Settings
from tests.rag.service.guarded import KEYS, SEARCH_KEY, bearer, guarded

ROOT = Path(__file__).parents[3]
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
}
FILES = sorted(
    path for path in FOLDER.rglob("*") if path.is_file() and "node_modules" not in str(path)
)
SERVED = [path for path in FILES if path.suffix in TYPES]
NAMES = [path.relative_to(FOLDER).as_posix() for path in SERVED]
PLAIN = {"Accept-Encoding": "identity"}
_IMPORT = re.compile(r"""^(?:import|export)\b[^;"']*?["'](\.[^"']+)["'];""", re.MULTILINE)


class _Addresses(HTMLParser):
    """All addresses that a document names, each with its tag and the kind of link."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str, str]] = []
        self.inline = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self.inline += sum(1 for name in known if name == "style" or name.startswith("on"))
        self.inline += tag == "style" or (tag == "script" and "src" not in known)
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            if address := known.get(name):
                self.found.append((tag, known.get("rel") or "", address))


@pytest.fixture(scope="module")
def closed(store: Store) -> Iterator[TestClient]:
    """A service that lets nobody in without a key, and with one twice a minute."""
    with guarded(store, keys=KEYS, anonymous=False, rate_limit="2/minute") as client:
        yield client


def _ask_as_written(client: TestClient, path: str) -> tuple[int, dict[str, str], str]:
    """Ask for a path as a server reads it; clients take dots out of it."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"localhost")],
        "client": ("192.0.2.7", 5000),
        "server": ("localhost", 80),
    }
    asyncio.run(client.app(scope, receive, send))  # type: ignore[arg-type]
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    body = b"".join(one.get("body", b"") for one in sent[1:])
    return sent[0]["status"], headers, body.decode()


def _index(client: TestClient) -> _Addresses:
    return _Addresses(client.get("/").text)


def _address(name: str) -> str:
    return f"/page/{read_page().digest}/{name}"


class TestIndex:
    def test_it_is_a_page_that_is_asked_for_anew(self, client: TestClient) -> None:
        reply = client.get("/")
        assert reply.status_code == 200
        assert reply.headers["content-type"] == "text/html; charset=utf-8"
        assert reply.headers["cache-control"] == "no-cache"
        assert reply.text.startswith("<!doctype html>")
        assert "{{" not in reply.text

    def test_it_runs_the_services_own_scripts_alone(self, client: TestClient) -> None:
        policy = dict(
            one.split(" ", 1)
            for one in client.get("/").headers["content-security-policy"].split("; ")
        )
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == "'self'"
        assert policy["style-src"] == "'self'"
        assert policy["connect-src"] == "'self'"
        assert policy["frame-ancestors"] == "'none'"
        assert policy["base-uri"] == "'none'"
        assert "unsafe" not in str(policy)
        assert "http" not in str(policy)
        assert _index(client).inline == 0

    def test_it_is_not_shown_in_a_frame(self, client: TestClient) -> None:
        assert client.get("/").headers["x-frame-options"] == "DENY"

    @pytest.mark.parametrize("form", ["{}", '"other", {}', "*", '{},"x"'])
    def test_who_has_it_is_told_so(self, client: TestClient, form: str) -> None:
        had = client.get("/")
        tag = had.headers["etag"]
        for known in (tag, tag.removeprefix("W/")):
            reply = client.get("/", headers={"If-None-Match": form.format(known)})
            assert reply.status_code == 304
            assert reply.content == b""
            for name in ("etag", "vary", "cache-control", "content-security-policy"):
                assert reply.headers[name] == had.headers[name]

    @pytest.mark.parametrize("known", ['"other"', "", "W/", "digest", f'"{"0" * 16}"'])
    def test_who_has_another_gets_it(self, client: TestClient, known: str) -> None:
        reply = client.get("/", headers={"If-None-Match": known})
        assert reply.status_code == 200
        assert reply.content

    def test_its_tag_is_of_what_it_is_and_not_of_how_it_is_packed(self, client: TestClient) -> None:
        packed, plain = client.get("/"), client.get("/", headers=PLAIN)
        assert packed.headers["etag"] == plain.headers["etag"]
        assert packed.headers["etag"].startswith("W/")

    def test_all_addresses_are_relative_so_that_a_proxy_may_put_it_anywhere(
        self, client: TestClient
    ) -> None:
        found = _index(client).found
        assert len(found) > 20
        for _, _, address in found:
            parts = urlsplit(address)
            assert not parts.scheme
            assert not parts.netloc
            assert not parts.path.startswith("/"), address

    def test_below_a_prefix_everything_is_found(self, client: TestClient) -> None:
        app = client.app
        behind = TestClient(app, root_path="/papers", raise_server_exceptions=False)
        html = behind.get("/").text  # the proxy took the prefix away
        for _, _, address in _Addresses(html).found:
            whole = urljoin("http://localhost/papers/", address)
            assert urlsplit(whole).path.startswith("/papers/")
            path = urlsplit(whole).path.removeprefix("/papers")
            assert behind.get(path).status_code == 200, address


class TestFiles:
    @pytest.mark.parametrize("name", NAMES)
    def test_each_is_sent_as_it_is_and_kept_for_ever(self, client: TestClient, name: str) -> None:
        content = (FOLDER / name).read_bytes()
        plain = client.get(_address(name), headers=PLAIN)
        assert plain.status_code == 200
        assert plain.content == content
        assert plain.headers["content-type"] == TYPES[Path(name).suffix]
        assert plain.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert plain.headers["vary"] == "Accept-Encoding"
        assert plain.headers["x-content-type-options"] == "nosniff"
        assert "content-encoding" not in plain.headers
        with client.stream("GET", _address(name), headers={"Accept-Encoding": "gzip"}) as packed:
            raw = b"".join(packed.iter_raw())
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.headers["vary"] == "Accept-Encoding"
        assert packed.headers["content-type"] == plain.headers["content-type"]
        assert int(packed.headers["content-length"]) == len(raw)
        assert gzip.decompress(raw) == content

    @pytest.mark.parametrize(
        ("accepted", "packed"),
        [
            ("gzip, deflate, br, zstd", True),
            ("br;q=1.0, GZIP;q=0.8, *;q=0.1", True),
            ("gzip;q=0.01", True),
            ("gzip;q=0", False),
            ("gzip; q=0.000, identity", False),
            ("br, deflate", False),
            ("x-gzipped", False),
            ("", False),
        ],
    )
    def test_it_is_packed_for_who_can_unpack_it(
        self, client: TestClient, accepted: str, packed: bool
    ) -> None:
        for path in ("/", _address("app.js")):
            reply = client.get(path, headers={"Accept-Encoding": accepted})
            assert (reply.headers.get("content-encoding") == "gzip") is packed

    @pytest.mark.parametrize("name", ["", "app.js", "vendor/d3.js"])
    def test_head_tells_the_same_without_the_file(self, client: TestClient, name: str) -> None:
        path = _address(name) if name else "/"
        got, head = client.get(path), client.head(path)
        assert head.status_code == 200
        assert head.content == b""
        for name in ("content-type", "content-length", "cache-control", "vary", "content-encoding"):
            assert head.headers[name] == got.headers[name]

    @pytest.mark.parametrize("name", ["", "app.js"])
    def test_nothing_is_posted_to_it(self, client: TestClient, name: str) -> None:
        reply = client.post(_address(name) if name else "/", json={})
        assert reply.status_code == 405
        assert set(reply.headers["allow"].replace(" ", "").split(",")) == {"GET", "HEAD"}

    @pytest.mark.parametrize(
        "path",
        [path.relative_to(FOLDER).as_posix() for path in FILES if path not in SERVED],
    )
    def test_what_is_no_part_of_the_page_is_not_sent(self, client: TestClient, path: str) -> None:
        reply = client.get(_address(path))
        assert reply.status_code == 404
        assert reply.headers["content-type"] == "application/problem+json"

    def test_that_is_the_index_itself_and_what_the_page_is_made_with(self) -> None:
        others = {path.name for path in FILES if path not in SERVED}
        assert {"index.html", "package.json", "build.mjs", "types.d.ts", "tsconfig.json"} <= others

    @pytest.mark.parametrize(
        "path",
        [
            "/page/",
            "/page",
            "/page/app.js",
            "/page/0000000000000000/app.js",
            "/page/{digest}",
            "/page/{digest}/",
            "/page/{digest}/APP.JS",
            "/page/{digest}/app.js/",
            "/page/{digest}/nothing.js",
            "/page/{digest}/../../settings/__init__.py",
            "/page/{digest}/../../../pyproject.toml",
            "/page/{digest}/views/../app.js",
            "/page/{digest}/./app.js",
            "/page/{digest}//app.js",
            "/page/{digest}//etc/passwd",
            "/page/{digest}/%2e%2e/%2e%2e/settings/__init__.py",
            "/page/{digest}/..%2f..%2fsettings%2f__init__.py",
            "/page/{digest}/%252e%252e/settings",
            "/page/{digest}/..%5c..%5csettings",
            "/page/{digest}/app.js%00.css",
            "/page/../v1/index",
            "/page/%2e%2e/v1/index",
            "/page//etc/passwd",
        ],
    )
    def test_any_other_address_is_a_problem(self, closed: TestClient, path: str) -> None:
        status, headers, body = _ask_as_written(closed, path.format(digest=read_page().digest))
        if not path.startswith("/page/"):  # without a key nobody is told what there is
            assert status == 401
            return
        assert status == 404
        assert headers["content-type"] == "application/problem+json"
        assert json.loads(body)["status"] == 404
        assert str(FOLDER.parent) not in body


class TestParts:
    """What the page names is there."""

    def test_what_the_index_names_is_there(self, client: TestClient) -> None:
        for _, _, address in _index(client).found:
            assert client.get(f"/{address}").status_code == 200, address

    @pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(".js")])
    def test_what_a_module_imports_is_there(self, name: str) -> None:
        text = (FOLDER / name).read_text(encoding="utf-8")
        for imported in _IMPORT.findall(text):
            assert urljoin(name, imported) in NAMES, imported
        if not name.startswith("vendor/"):
            code = re.sub(r"/\*.*?\*/|(?<!:)//[^\n]*", "", text, flags=re.DOTALL)
            assert len(re.findall(r"^import\b", code, re.MULTILINE)) == len(
                re.findall(r"^import\b[^;]*[\"']\./|^import\b[^;]*[\"']\.\./", code, re.MULTILINE)
            ), "a module is imported from elsewhere"

    def test_each_module_is_fetched_at_once_and_none_that_nobody_needs(
        self, client: TestClient
    ) -> None:
        needed, waiting = set[str](), ["app.js"]
        while waiting:
            name = waiting.pop()
            if name not in needed:
                needed.add(name)
                text = (FOLDER / name).read_text(encoding="utf-8")
                waiting += [urljoin(name, imported) for imported in _IMPORT.findall(text)]
        fetched = [
            address.partition(f"{read_page().digest}/")[2]
            for _, rel, address in _index(client).found
            if rel == "modulepreload"
        ]
        assert sorted(fetched) == sorted(needed)
        assert needed | {"boot.js"} == {name for name in NAMES if name.endswith(".js")}

    @pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
    def test_no_other_host_is_named(self, path: Path) -> None:
        """Names of vocabularies are no addresses; what is in comments is not asked for."""
        text = path.read_text(encoding="utf-8")
        if path.name in ("licences.txt", "package-lock.json"):
            return  # not part of what runs
        code = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
        code = re.sub(r"(?m)(?<![:\"'`])//.*$", "", code)
        code = re.sub(
            r"http://www\.w3\.org/(2000/svg|1999/xhtml|1999/xlink|XML/1998/namespace|2000/xmlns/)",
            "",
            code,
        )
        assert not re.findall(r"(?:https?|wss?|ftp):(?:\\?/){2}[^\s\"'`]*", code)
        assert not re.findall(r"""["'`(]//[\w.-]+\.\w""", code)
        assert "sendBeacon" not in code
        assert "innerHTML" not in code or path.parent.name == "vendor"
        assert "eval(" not in code
        assert "unsafeHTML" not in code

    def test_other_files_have_another_address(self, tmp_path: Path) -> None:
        digests = {read_page().digest}
        tags = {read_page().tag}
        for name in ("index.html", "app.js", "views/page.js", "style.css"):
            copy = tmp_path / name.replace("/", "-")
            shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns("node_modules"))
            with (copy / name).open("a") as file:
                file.write("\n")
            digests.add(read_page.__wrapped__(copy).digest)
            tags.add(read_page.__wrapped__(copy).tag)
        moved = tmp_path / "moved"
        shutil.copytree(FOLDER, moved, ignore=shutil.ignore_patterns("node_modules"))
        (moved / "weeks.js").rename(moved / "months.js")
        digests.add(read_page.__wrapped__(moved).digest)
        assert len(digests) == 6
        assert len(tags) == 5

    def test_packages_that_npm_put_there_are_no_part_of_it(self, tmp_path: Path) -> None:
        copy = tmp_path / "web"
        shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns("node_modules"))
        package = copy / "vendor" / "node_modules" / "other"
        package.mkdir(parents=True)
        (package / "index.js").write_text("alert(1)")
        assert read_page.__wrapped__(copy) == read_page()

    def test_without_its_files_the_service_does_not_start(
        self, store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(page, "read_page", lambda: read_page.__wrapped__(tmp_path))
        with pytest.raises(FileNotFoundError), guarded(store):
            pass


class TestWithoutAKey:
    def test_the_page_is_open_and_what_it_asks_for_is_not(self, closed: TestClient) -> None:
        for _, _, address in _index(closed).found:
            assert closed.get(f"/{address}").status_code == 200, address
        for path in ("/v1/index", "/v1/index/builds", "/v1/papers/2305.18290", "/metrics"):
            assert closed.get(path).status_code == 401
        assert closed.post("/v1/ask", json={"question": "a"}).status_code == 401

    def test_a_wrong_key_changes_nothing_of_that(self, closed: TestClient) -> None:
        for path in ("/", _address("app.js")):
            assert closed.get(path, headers=bearer("wrong")).status_code == 200

    def test_it_holds_nothing_of_the_index(self, closed: TestClient, snapshot: Snapshot) -> None:
        """Nor of the settings: it is the same whatever is served."""
        told = closed.get("/").text
        assert snapshot.version not in told
        assert closed.get("/").content == read_page().index.plain

    def test_it_does_not_count_as_asking(self, closed: TestClient) -> None:
        for _ in range(5):
            for path in ("/", _address("app.js"), _address("nothing.js")):
                reply = closed.get(path, headers=bearer(SEARCH_KEY))
                assert reply.status_code in (200, 404)
                assert "ratelimit" not in reply.headers
        reply = closed.get("/v1/index", headers=bearer(SEARCH_KEY))
        assert reply.status_code == 200
        assert "r=1;" in reply.headers["ratelimit"]


class TestWhatItIsTold:
    """`GET /v1/index` has what the page needs to offer filters."""

    def test_sections_are_those_to_filter_by_the_most_frequent_first(
        self, client: TestClient, snapshot: Snapshot
    ) -> None:
        told = client.get("/v1/index").json()["sections"]
        counts = dict[str, int]()
        for row in range(len(snapshot.owners)):
            name = snapshot.passage(row).section
            counts[name] = counts.get(name, 0) + 1
        assert set(told) == set(counts)
        assert [counts[name] for name in told] == sorted(counts.values(), reverse=True)
        for name in told:
            body = {"query": "강화 학습", "filters": {"sections": [name]}}
            assert client.post("/v1/search", json=body).json()["papers"]

    def test_days_are_the_first_and_the_last_of_any_paper(
        self, client: TestClient, snapshot: Snapshot
    ) -> None:
        told = client.get("/v1/index").json()
        days = sorted(day for row in range(len(snapshot)) for day in snapshot.paper(row).dates)
        assert (told["since"], told["until"]) == (str(days[0]), str(days[-1]))

    def test_an_index_without_days_has_none(self, tmp_path: Path) -> None:
        digest = tmp_path / "papers.md"
        digest.write_text(
            "### [A Title of a Paper](https://arxiv.org/abs/2405.00001)\n\n"
            "- **What's New**: 강화 학습을 다룬다. 그리고 더 있다.\n",
            encoding="utf-8",
        )
        own = Store(tmp_path / "data")
        build([digest], own)
        with guarded(own, anonymous=True) as client:
            told = client.get("/v1/index").json()
            assert (told["since"], told["until"]) == (None, None)
            assert told["sections"] == ["What's New"]

    def test_without_a_language_model_nothing_is_written(self, client: TestClient) -> None:
        assert client.get("/v1/index").json()["generates"] is False
        assert not Settings().generate.base_url


@pytest.mark.slow
def test_the_wheel_has_all_of_the_page_and_nothing_of_how_it_is_made(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, source)
    for name in ("index", "rag"):
        ignored = shutil.ignore_patterns("__pycache__", "node_modules")
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    stray = source / "rag" / "web" / "vendor" / "node_modules" / "other"
    stray.mkdir(parents=True)
    (stray / "index.js").write_text("")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    wheels = tmp_path / "wheels"
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *options, "-w", str(wheels), str(source)], check=True
    )
    (wheel,) = wheels.glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        packed = {name for name in opened.namelist() if name.startswith("rag/web/")}
        assert packed == {f"rag/web/{name}" for name in [*NAMES, "index.html"]}
        for name in NAMES:
            assert opened.read(f"rag/web/{name}") == (FOLDER / name).read_bytes()
