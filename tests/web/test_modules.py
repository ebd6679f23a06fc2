"""The page's modules: their tests are JavaScript, and run by Node's own runner."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.web.node import TESTS, node


@pytest.mark.parametrize("file", sorted(TESTS.glob("*.test.mjs")), ids=lambda file: file.name)
def test_a_module_passes_its_tests(file: Path) -> None:
    done = node("--test", "--test-reporter=tap", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"^# pass (\d+)$", done.stdout, re.MULTILINE)
    assert passed, done.stdout
    assert int(passed.group(1)) > 1, "no test was found"
    assert re.search(r"^# skipped 0$", done.stdout, re.MULTILINE), done.stdout
