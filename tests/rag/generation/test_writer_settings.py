"""The adapter's settings: no key is told, and nothing but them is used."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from index.errors import SettingsError
from rag.generation import Fallback, GenerationError, OpenAIWriter, WriterSettings
from tests.rag.generation.asking import KEY, MESSAGES, fail, write, writer_for
from tests.rag.generation.conftest import Serve
from tests.rag.generation.fake_server import Conversation, Script, answer_status, raw, say


class TestSecrets:
    @pytest.mark.parametrize(
        "script",
        [say("구름"), answer_status(401, f"wrong key {KEY}"), answer_status(500, KEY), raw(KEY)],
    )
    def test_the_key_is_in_no_log_error_or_repr(
        self, fake: Serve, script: Script, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        server = fake(script)
        settings = WriterSettings(server.url, "a-model", KEY)
        writer = OpenAIWriter(settings)
        told = [repr(settings), str(settings), repr(writer)]
        try:
            list(writer.write(MESSAGES, 5))
        except GenerationError as error:
            told += [str(error), repr(error), repr(error.__cause__), repr(error.__context__)]
        told += [record.getMessage() for record in caplog.records]
        told += [str(record.__dict__) for record in caplog.records]
        assert server.seen[0].headers["Authorization"].endswith(KEY)
        assert caplog.records
        assert not [one for one in told if KEY in one]

    @pytest.mark.parametrize("key", [f"{KEY}\nX: y", f"{KEY}é", f"{KEY} x", f"{KEY}\x00"])
    def test_a_key_that_can_not_be_sent_is_refused_and_not_shown(self, key: str) -> None:
        with pytest.raises(SettingsError) as caught:
            writer_for("http://127.0.0.1:1/v1", key)
        assert KEY not in str(caught.value)

    def test_a_secret_in_the_url_is_refused_and_not_shown(self) -> None:
        for url in (f"http://me:{KEY}@a.example/v1", f"http://a.example/v1?key={KEY}"):
            with pytest.raises(SettingsError) as caught:
                writer_for(url)
            assert KEY not in str(caught.value)

    def test_nothing_is_taken_from_the_variables_of_others(
        self, fake: Serve, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("API_KEY", "ADMIN_KEY", "ORG_ID", "PROJECT_ID", "WEBHOOK_SECRET"):
            monkeypatch.setenv(f"OPENAI_{name}", "leaked")
        monkeypatch.setenv("OPENAI_BASE_URL", "http://leaked.invalid/v1")
        monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Leaked: leaked\nAuthorization: leaked")
        server = fake(say("구름"))
        assert write(server.url, key="") == ["구름"]
        assert "Authorization" not in server.seen[0].headers
        assert "leaked" not in str(server.seen)
        assert write(server.url, key=f" {KEY}\n") == ["구름"]
        assert server.seen[1].headers["Authorization"] == f"Bearer {KEY}"

    def test_a_redirect_is_not_followed(self, fake: Serve) -> None:
        other = fake(say("구름"))

        def script(to: Conversation) -> None:
            to.send_response(307)
            to.send_header("Location", f"{other.url}/chat/completions")
            to.send_header("Content-Length", "0")
            to.end_headers()

        assert fail(fake(script).url, 5)[0] == Fallback.REFUSED
        assert other.seen == []


class TestSettings:
    @pytest.mark.parametrize(
        "url",
        ["", "127.0.0.1:8080", "ftp://a.example/v1", "http://", "http://a:x/v1", "http://[::/v1"],
    )
    def test_a_wrong_url_is_refused(self, url: str) -> None:
        with pytest.raises(SettingsError, match=r"http://127\.0\.0\.1:8080/v1"):
            writer_for(url)

    @pytest.mark.parametrize(
        "settings",
        [
            WriterSettings("http://a.example/v1", " "),
            WriterSettings("http://a.example/v1", "m", max_tokens=0),
            WriterSettings("http://a.example/v1", "m", timeout_s=0),
            WriterSettings("http://a.example/v1", "m", timeout_s=float("nan")),
        ],
    )
    def test_a_wrong_setting_is_refused(self, settings: WriterSettings) -> None:
        with pytest.raises(SettingsError):
            OpenAIWriter(settings)

    def test_without_the_package_the_error_names_the_extra(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "openai", None)
        with pytest.raises(SettingsError, match=r"pip install 'nonmun\[generate\]'"):
            writer_for("http://127.0.0.1:1/v1")

    def test_nothing_is_imported_before_there_is_a_writer(self) -> None:
        code = "import sys, rag.generation; print('openai' in sys.modules, 'httpx2' in sys.modules)"
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
        )
        assert done.stdout.split() == ["False", "False"]
