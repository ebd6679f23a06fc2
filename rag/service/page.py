"""The page at /, and the files it is made of.

The files are sent as they stand in `rag/web`: there is nothing to compile. They are read once, when
the app is made, and their addresses hold a hash of them all: a browser may keep them for ever, and
never mixes those of two versions.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path, PurePosixPath

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from rag.service.headers import page_policy

FOLDER = Path(__file__).parents[1] / "web"
PREFIX = "/page/"
_INDEX = "index.html"
_PLACE = b"{{page}}"  # in the index: where the other files are
_MODULES = b"{{modules}}"  # in the index: what a browser should fetch before it is told to
_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",  # the licences of what is bundled: they go along with it
}
_UNWANTED = re.compile(r";\s*q=0(\.0*)?\s*$", re.IGNORECASE)  # of a coding (RFC 9110, 12.4.2)
_FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of the page, as it is and packed."""

    media_type: str
    plain: bytes
    packed: bytes

    @classmethod
    def of(cls, content: bytes, media_type: str) -> Asset:
        """Pack a file; the same bytes every time."""
        return cls(f"{media_type}; charset=utf-8", content, gzip.compress(content, 9, mtime=0))

    def response(self, request: Request, headers: dict[str, str]) -> Response:
        """The file, packed for whoever can unpack it."""
        headers = {**headers, "Vary": "Accept-Encoding"}
        if _unpacks(request.headers.get("accept-encoding", "")):
            headers["Content-Encoding"] = "gzip"
            return Response(self.packed, headers=headers, media_type=self.media_type)
        return Response(self.plain, headers=headers, media_type=self.media_type)


def _unpacks(accepted: str) -> bool:
    """Whether an `Accept-Encoding` header names gzip, and not as what is unwanted."""
    codings = [one.strip() for one in accepted.split(",")]
    return any(
        one.partition(";")[0].rstrip().lower() == "gzip" and not _UNWANTED.search(one)
        for one in codings
    )


@dataclass(frozen=True, slots=True)
class Page:
    """All files of the page: the index, and the others by their addresses."""

    index: Asset
    assets: dict[str, Asset]
    digest: str  # of the files, as addresses have it
    tag: str  # of the index as it is sent


@lru_cache(maxsize=1)
def read_page(folder: Path = FOLDER) -> Page:
    """Read the files of the page.

    Raises:
        OSError: They are not there.
    """
    contents = dict(_contents(folder))
    index = (folder / _INDEX).read_bytes()
    whole = hashlib.sha256(index)
    for name, content in contents.items():
        whole.update(f"{name} {len(content)}\n".encode() + content)
    digest = whole.hexdigest()[:16]
    place = f"{PREFIX[1:]}{digest}"
    modules = (name for name in contents if name.endswith(".js") and name != "boot.js")
    preloaded = "".join(f'<link rel="modulepreload" href="{place}/{name}">' for name in modules)
    index = index.replace(_PLACE, place.encode()).replace(_MODULES, preloaded.encode())
    assets = {
        f"{digest}/{name}": Asset.of(content, _TYPES[PurePosixPath(name).suffix])
        for name, content in contents.items()
    }
    tag = hashlib.sha256(index).hexdigest()[:16]
    return Page(Asset.of(index, "text/html"), assets, digest, tag)


def _contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.suffix in _TYPES and "node_modules" not in path.parts:
            yield path.relative_to(folder).as_posix(), path.read_bytes()


router = APIRouter(include_in_schema=False)


@router.head("/")
@router.get("/")
async def get_page(request: Request) -> Response:
    """Show the page."""
    page = read_page()
    headers = {
        "Content-Security-Policy": page_policy(),
        "Cache-Control": "no-cache",
        "ETag": f'W/"{page.tag}"',  # weak: packed or not, it is the same page
    }
    if _has(request.headers.get("if-none-match", ""), page.tag):
        headers["Vary"] = "Accept-Encoding"
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return page.index.response(request, headers)


def _has(tags: str, tag: str) -> bool:
    """Whether an `If-None-Match` header names a tag, weakly compared (RFC 9110, 13.1.2)."""
    known = {one.strip().removeprefix("W/") for one in tags.split(",")}
    return "*" in known or f'"{tag}"' in known


@router.head(PREFIX + "{name:path}")
@router.get(PREFIX + "{name:path}")
async def get_asset(request: Request, name: str) -> Response:
    """Send a file of the page."""
    asset = read_page().assets.get(name)
    if asset is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "the page has no such file; load it again")
    return asset.response(request, {"Cache-Control": _FOR_EVER})
