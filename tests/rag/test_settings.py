"""Settings: profile, then environment, then options; every mistake is named."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from index.encoders import EncoderKind, EncoderSettings, LateKind, LateSettings
from index.errors import SettingsError
from index.settings import BuildSettings, CheckSettings, LearnSettings, Weights
from rag.generation import WriterSettings
from rag.settings import Settings, WeightsGroup, load_settings

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("NONMUN_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NONMUN_PROFILE", "")  # load_settings sets it; this takes it back


def _profile(folder: Path, text: str) -> Path:
    path = folder / "profile.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_default_profile_says_what_the_code_says() -> None:
    assert load_settings(ROOT / "configs" / "default.yaml") == Settings()


def test_the_default_profile_names_every_setting() -> None:
    written = yaml.safe_load((ROOT / "configs" / "default.yaml").read_text(encoding="utf-8"))
    known = Settings().model_dump()

    def names(tree: dict[str, object], prefix: str = "") -> set[str]:
        found: set[str] = set()
        for name, value in tree.items():
            inner = names(value, f"{prefix}{name}.") if isinstance(value, dict) else set()
            found |= inner or {prefix + name}
        return found

    assert names(written) == names(known)


def test_what_a_build_computes_with_has_the_same_defaults_in_the_index() -> None:
    assert Settings().building() == BuildSettings()


def test_what_a_version_has_to_pass_has_the_same_defaults_in_the_index() -> None:
    assert Settings().build.checks() == CheckSettings()


def test_what_a_version_has_to_pass_is_set_by_a_profile(tmp_path: Path) -> None:
    text = "build: {least_kept: 0.9, golden_tolerance: 0.1, golden: q.jsonl, keep: 2}\n"
    group = load_settings(_profile(tmp_path, text)).build
    assert group.checks() == CheckSettings(0.9, 0.1, "q.jsonl")
    assert group.keep == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [("keep", 0), ("keep", 1001), ("least_kept", 1.1), ("golden_tolerance", -0.1)],
)
def test_what_a_build_can_not_be_set_to(tmp_path: Path, name: str, value: float) -> None:
    with pytest.raises(SettingsError, match=f"build.{name}.*{value}"):
        load_settings(_profile(tmp_path, f"build: {{{name}: {value}}}\n"))


def test_every_weight_that_a_build_learns_can_be_set() -> None:
    names = list(Weights().as_json())
    assert list(WeightsGroup.model_fields) == names
    learned = Weights(**{name: float(place) for place, name in enumerate(names)})
    assert WeightsGroup().over(learned) == learned
    for name in names:
        changed = {**learned.as_json(), name: 50.0}
        assert WeightsGroup.model_validate({name: 50}).over(learned) == Weights(**changed)


def test_a_weight_that_is_set_wins_over_what_was_learned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = _profile(tmp_path, "search: {weights: {late: 3, dense: 0}}\n")
    learned = Weights(lexical=0.1, dense=0.2, late=0.3)
    assert load_settings(profile).search.weights.over(learned) == Weights(
        lexical=0.1, dense=0, late=3
    )
    monkeypatch.setenv("NONMUN_SEARCH__WEIGHTS__LATE", "0")
    weights = load_settings(profile).search.weights
    assert (weights.late, weights.dense, weights.lexical) == (0, 0, None)


def test_a_build_is_set_by_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NONMUN_LATE__KIND", "off")
    monkeypatch.setenv("NONMUN_LEARN__BUDGET_S", "0")
    assert load_settings().building() == BuildSettings(
        EncoderSettings(), LateSettings(LateKind.OFF), LearnSettings(budget_s=0)
    )


def test_late_interaction_is_turned_off_in_a_profile(tmp_path: Path) -> None:
    profile = _profile(tmp_path, "late: {kind: 'off'}\n")
    assert load_settings(profile).late.kind is LateKind.OFF


def test_later_sources_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profile = _profile(tmp_path, "data: a\nsearch: {top_k: 5, candidates: 50}\n")
    assert load_settings(profile).search.top_k == 5
    monkeypatch.setenv("NONMUN_SEARCH__TOP_K", "7")
    settings = load_settings(profile)
    assert (settings.search.top_k, settings.search.candidates) == (7, 50)
    monkeypatch.setenv("NONMUN_DATA", "b")
    assert load_settings(profile).data == Path("b")
    assert load_settings(profile, data=Path("c")).data == Path("c")
    assert load_settings(profile, data=None).data == Path("b")


def test_the_profile_can_be_named_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NONMUN_PROFILE", str(_profile(tmp_path, "data: here\n")))
    assert load_settings().data == Path("here")


def test_an_encoder_is_named_in_a_profile(tmp_path: Path) -> None:
    text = "encoder: {kind: sentence-transformers, model: some/model, query_prompt: 'query: '}\n"
    group = load_settings(_profile(tmp_path, text)).encoder
    assert group.settings() == EncoderSettings(
        EncoderKind.SENTENCE_TRANSFORMERS, "some/model", "query: "
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("search: {top_k: many}", r"search\.top_k.*many"),
        ("search: {top_k: 0}", r"search\.top_k.*greater.*0"),
        ("search: {topk: 3}", r"no setting search\.topk"),
        ("nonsense: 3", "no setting nonsense"),
        ("encoder: {kind: bert}", r"encoder\.kind.*universal.*bert"),
        ("server: {port: 70000}", r"server\.port.*70000"),
        ("search: {lexical_weight: 0.3}", r"no setting search\.lexical_weight"),
        ("search: {similar: {lexical: -1}}", r"search\.similar\.lexical: .*0, not -1"),
        ("search: {similar: {diversity: 1.1}}", r"search\.similar\.diversity: .*1, not 1.1"),
        ("search: {similar: {late: 1}}", r"no setting search\.similar\.late"),
        ("search: {similar: {lexical: 0, dense: 0, latent: 0}}", "search.similar: .*every leg"),
        ("search: {weights: {late: -1}}", r"search\.weights\.late: .*greater.*0, not -1"),
        ("search: {weights: {native: 101}}", r"search\.weights\.native: .*less.*100, not 101"),
        ("search: {weights: {title: heavy}}", r"search\.weights\.title: .*number, not 'heavy'"),
        ("search: {weights: {feedback: .nan}}", r"search\.weights\.feedback: .*nan"),
        ("search: {weights: {sparse: 1}}", r"no setting search\.weights\.sparse"),
        ("search: {weights: 1}", r"search\.weights: .*not 1"),
        ("search: {late_candidates: 9}", r"search\.late_candidates: .*10, not 9"),
        ("late: {kind: none}", r"late\.kind: .*universal.*off.*none"),
        ("learn: {budget_s: -1}", r"learn\.budget_s: .*0, not -1"),
        ("learn: {held_out: 1}", r"learn\.held_out: .*less than 1, not 1"),
        ("batch: {kind: dask}", r"batch\.kind: .*local.*ray.*dask"),
        ("batch: {address: 'ray://head:10001'}", r"batch\.address: .*HOST:PORT, not 'ray://head"),
        ("batch: {address: head}", r"batch\.address: .*HOST:PORT, not 'head'"),
        ("batch: {workers: 0}", r"batch\.workers: .*1, not 0"),
        ("search: {flag_penalty: -1}", r"search\.flag_penalty: .*0, not -1"),
        ("answer: {min_confidence: 1.1}", r"answer\.min_confidence: .*1, not 1.1"),
        ("generate: {base_url: 'http://a/v1'}", "generate: .*base_url and model belong together"),
        ("generate: {model: m}", "generate: .*base_url and model belong together"),
        ("generate: {max_tokens: 0}", r"generate\.max_tokens: .*greater"),
        ("generate: {timeout_s: 0}", r"generate\.timeout_s: .*greater"),
        ("generate: {timeout_s: .inf}", r"generate\.timeout_s: "),
        ("generate: {url: x}", r"no setting generate\.url"),
        ("search: [1", "not YAML"),
        ("just text", "settings"),
    ],
)
def test_a_wrong_profile_is_an_error_that_names_what_is_wrong(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        load_settings(_profile(tmp_path, text))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NONMUN_DATTA", "x"),
        ("NONMUN_SERVER__PORT", "high"),
        ("NONMUN_SEARCH__TOPK", "3"),
        ("NONMUN_SEARCH__WEIGHTS__LATE", "much"),
        ("NONMUN_SEARCH__WEIGHTS__DENSE", "-0.5"),
        ("NONMUN_SEARCH__WEIGHTS__SPARSE", "1"),
        ("NONMUN_LATE__KIND", "of"),
        ("NONMUN_LEARN__HELD_OUT", "0"),
    ],
)
def test_a_wrong_variable_is_an_error(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    setting = name.removeprefix("NONMUN_").lower().replace("__", ".")
    with pytest.raises(SettingsError, match=rf"{setting}|{name}"):
        load_settings()


def test_a_profile_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no such profile.*gone"):
        load_settings(tmp_path / "gone.yaml")


def test_a_key_is_never_shown() -> None:
    settings = Settings.model_validate({"server": {"admin_key": "hidden-words"}})
    assert "hidden-words" not in repr(settings)
    with pytest.raises(SettingsError) as error:
        load_settings(server={"admin_key": ["hidden-words"]})
    assert "hidden-words" not in str(error.value)


def test_who_writes_answers_is_set_by_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().generate.settings() is None
    monkeypatch.setenv("NONMUN_GENERATE__API_KEY", "hidden-words")
    assert load_settings().generate.settings() is None  # a key alone is no server
    monkeypatch.setenv("NONMUN_GENERATE__BASE_URL", "http://127.0.0.1:8080/v1")
    monkeypatch.setenv("NONMUN_GENERATE__MODEL", "some-model")
    monkeypatch.setenv("NONMUN_GENERATE__MAX_TOKENS", "99")
    monkeypatch.setenv("NONMUN_GENERATE__TIMEOUT_S", "3.5")
    wanted = WriterSettings("http://127.0.0.1:8080/v1", "some-model", "hidden-words", 99, 3.5)
    settings = load_settings()
    assert settings.generate.settings() == wanted
    assert "hidden-words" not in repr(settings) + repr(settings.generate.settings())
    monkeypatch.delenv("NONMUN_GENERATE__API_KEY")
    bare = load_settings().generate.settings()
    assert bare is not None
    assert bare.api_key == ""


@pytest.mark.parametrize(
    "generate",
    [
        {"api_key": ["hidden-words"]},
        {"api_key": {"hidden-words": "hidden-words"}},
        {"api_key": "hidden-words", "base_url": "http://127.0.0.1:8080/v1"},
        {"api_key": "hidden-words", "timeout_s": -1},
        {"base_url": "http://hidden-words@host/v1", "model": ["hidden-words"]},
        {"timeout_s": "hidden-words"},  # put on the wrong line
        ["hidden-words"],
        "hidden-words",
    ],
)
def test_no_mistake_shows_the_key_of_who_writes(generate: object) -> None:
    with pytest.raises(SettingsError, match="generate") as error:
        load_settings(generate=generate)
    assert "hidden-words" not in str(error.value)


@pytest.mark.parametrize(
    "value", ["hidden-words", '{"api_key": "hidden-words"', "[1, hidden-words"]
)
def test_no_wrong_variable_shows_it(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("NONMUN_GENERATE", value)
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert "hidden-words" not in str(error.value)


def test_by_default_the_build_has_learned_when_to_answer(tmp_path: Path) -> None:
    assert Settings().answer.min_confidence is None
    assert load_settings(_profile(tmp_path, "answer: {min_confidence: null}")) == Settings()
    zero = load_settings(_profile(tmp_path, "answer: {min_confidence: 0}"))
    assert zero.answer.min_confidence == 0


class TestCluster:
    def test_none_is_named_by_default(self) -> None:
        assert Settings().cluster.settings() is None

    def test_one_is_named_with_its_secrets_apart(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NONMUN_CLUSTER__URI", "http://milvus:19530")
        monkeypatch.setenv("NONMUN_CLUSTER__TOKEN", "root:secret")
        settings = load_settings().cluster
        assert "secret" not in repr(settings)
        found = settings.settings()
        assert found is not None
        assert (found.uri, found.token, found.prefix, found.keep) == (
            "http://milvus:19530",
            "root:secret",
            "nonmun",
            3,
        )

    @pytest.mark.parametrize("uri", ["milvus:19530", "http://", "http://a:b@milvus", "file.sqlite"])
    def test_what_is_no_address_is_told_without_its_secrets(
        self, monkeypatch: pytest.MonkeyPatch, uri: str
    ) -> None:
        monkeypatch.setenv("NONMUN_CLUSTER__URI", uri)
        with pytest.raises(SettingsError, match=r"cluster\.uri.*http://HOST:PORT.*\.db") as caught:
            load_settings()
        assert "a:b" not in str(caught.value)

    def test_a_prefix_has_to_be_a_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NONMUN_CLUSTER__PREFIX", "no name")
        with pytest.raises(SettingsError, match=r"cluster\.prefix"):
            load_settings()
