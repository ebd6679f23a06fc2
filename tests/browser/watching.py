"""What a page may not do: fail, complain, break its policy, or ask another host."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Error, Page, Request

# A violation is on the console too; this says which address and which directive.
REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.violatedDirective} forbids ${event.blockedURI}`));
"""


class Watch:
    """Notes what a page does wrong, and all that it asks for."""

    def __init__(self, page: Page, site: str) -> None:
        self.wrong: list[str] = []
        self.requests: list[Request] = []
        self._host = urlsplit(site).netloc
        self._expected: list[re.Pattern[str]] = []
        page.on("console", self._said)
        page.on("pageerror", self._failed)
        page.on("request", self._asked)

    def expect(self, pattern: str) -> None:
        """Let the console complain of this."""
        self._expected.append(re.compile(pattern))

    def paths(self, begin: str = "/") -> list[str]:
        """What was asked of the site, in order."""
        paths = [urlsplit(one.url).path for one in self.requests]
        return [path for path in paths if path.startswith(begin)]

    def check(self) -> None:
        """Make sure that nothing went wrong but what was expected."""
        unexpected = [
            one for one in self.wrong if not any(known.search(one) for known in self._expected)
        ]
        assert unexpected == []

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "assert"):
            place = message.location.get("url", "")
            self.wrong.append(f"console: {message.text} ({place})")

    def _failed(self, error: Error) -> None:
        self.wrong.append(f"error: {error.message}")

    def _asked(self, request: Request) -> None:
        self.requests.append(request)
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.netloc != self._host:
            self.wrong.append(f"another host: {request.url}")
