"""The settings class: where values come from, and what an operator is told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from bot.settings import PREFIX, Settings, SettingsError, settings_table, unknown_variables, variable

ROOT = Path(__file__).parent.parent
SECRET = "hunter2-hunter2"
NOT_SETTINGS = {PREFIX.rstrip("_")}
"""Words in our files that only look like one of our variables."""


def test_everything_has_a_default_but_nothing_is_made_up() -> None:
    """With an empty environment the embedded parts are chosen and no token is set."""
    settings = Settings.load()
    assert settings.redis_url is None
    assert settings.slack_bot_token is None
    assert settings.model_key is None
    assert settings.slack_api_url == "https://slack.com/api/"
    assert not settings.socket_mode


def test_the_environment_is_read_with_our_prefix_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """``SLACK_*``, which Bolt reads by itself, are not ours: only the prefixed names count."""
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-of-somebody-else")
    monkeypatch.setenv("SLACK_CLIENT_ID", "1.2")
    monkeypatch.setenv("COUNTRY_AGENTS_SLACK_APP_TOKEN", "xapp-1")
    settings = Settings.load()
    assert settings.slack_bot_token is None
    assert settings.socket_mode
    assert all(variable(name).startswith("COUNTRY_AGENTS_") for name in Settings.model_fields)


def test_a_dotenv_file_is_read_and_the_environment_wins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """``.env`` fills what the environment leaves open."""
    env = tmp_path / ".env"
    env.write_text("COUNTRY_AGENTS_MODEL=from-file\nCOUNTRY_AGENTS_HTTP_PORT=4000\n")
    monkeypatch.setenv("COUNTRY_AGENTS_HTTP_PORT", "5000")
    settings = Settings.load(_env_file=env)
    assert (settings.model, settings.http_port) == ("from-file", 5000)


def test_arguments_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """``load(http_port=…)`` is the last word: the sandbox and the tests build on it."""
    monkeypatch.setenv("COUNTRY_AGENTS_HTTP_PORT", "5000")
    assert Settings.load(http_port=6000).http_port == 6000


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose files pass ``VAR=`` for what is not set; that must not become an empty token."""
    monkeypatch.setenv("COUNTRY_AGENTS_SLACK_APP_TOKEN", "")
    monkeypatch.setenv("COUNTRY_AGENTS_HTTP_PORT", "")
    settings = Settings.load()
    assert not settings.socket_mode
    assert settings.http_port == 3000


def test_settings_cannot_be_changed() -> None:
    """Settings are values: whoever holds them can rely on them."""
    with pytest.raises(ValidationError, match="frozen"):
        Settings.load().http_port = 1


@pytest.mark.parametrize(
    "name", ["slack_bot_token", "slack_app_token", "slack_signing_secret", "model_key", "fallback_key"]
)
def test_secrets_never_print(name: str) -> None:
    """Neither ``repr`` nor ``str`` nor the JSON form shows a secret."""
    settings = Settings.load(**{name: SecretStr(SECRET)})
    assert SECRET not in repr(settings) + str(settings) + settings.model_dump_json()


def test_the_redis_password_never_prints() -> None:
    """A Redis address holds a password, so all of it is a secret."""
    settings = Settings.load(redis_url=f"redis://:{SECRET}@localhost:6379/0")
    assert SECRET not in repr(settings)
    assert settings.redis_url is not None
    assert SECRET in settings.redis_url.get_secret_value()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://slack-gov.com/api", "https://slack-gov.com/api/"),
        ("http://127.0.0.1:4103/api/", "http://127.0.0.1:4103/api/"),
    ],
)
def test_the_slack_address_always_ends_in_a_slash(given: str, kept: str) -> None:
    """slack_sdk appends method names by plain concatenation."""
    assert Settings.load(slack_api_url=given).slack_api_url == kept


def test_off_means_that_no_effort_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models without reasoning refuse the parameter; ``off`` is the word for leaving it out."""
    monkeypatch.setenv("COUNTRY_AGENTS_PLAN_EFFORT", "off")
    settings = Settings.load(section_effort="")
    assert (settings.plan_effort, settings.section_effort) == ("", "")


def test_openais_own_variable_is_a_key_for_openai(monkeypatch: pytest.MonkeyPatch) -> None:
    """``OPENAI_API_KEY`` is taken when neither another key nor another server is set."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    key = Settings.load().model_key
    assert key is not None
    assert key.get_secret_value() == "sk-1"


def test_openais_key_is_never_given_to_another_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a model server of one's own, OpenAI's key stays where it is."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    assert Settings.load(model_url="http://127.0.0.1:8000/v1").model_key is None


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({}, "sk-1"),
        ({"model_key": "sk-2"}, "sk-2"),
        ({"fallback_key": "sk-3"}, "sk-3"),
        ({"fallback_url": "http://127.0.0.1:8000/v1"}, None),
        ({"fallback_url": "http://127.0.0.1:8000/v1", "model_key": "sk-2"}, None),
        ({"model_url": "http://127.0.0.1:8000/v1", "model_key": "sk-2"}, "sk-1"),
        ({"model_url": "http://a/v1", "fallback_url": "http://a/v1", "model_key": "sk-2"}, "sk-2"),
        ({"model_url": "http://a/v1", "fallback_url": "http://a/v1"}, None),
        ({"model_url": "http://a/v1", "fallback_url": "http://b/v1", "model_key": "sk-2"}, None),
    ],
)
def test_a_second_model_gets_a_key_of_its_own_server_only(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], key: str | None
) -> None:
    """OpenAI's for OpenAI, the first model's for the same address; nobody else's."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    found = Settings.load(fallback_model="second", **given).fallback_key
    assert (found.get_secret_value() if found else None) == key


def test_without_a_second_model_there_is_no_key_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """``OPENAI_API_KEY`` alone asks for nothing."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    assert Settings.load().fallback_key is None


def test_our_own_key_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """The prefixed variable is the more deliberate one."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    monkeypatch.setenv("COUNTRY_AGENTS_MODEL_KEY", "sk-2")
    key = Settings.load().model_key
    assert key is not None
    assert key.get_secret_value() == "sk-2"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("HTTP_PORT", "http", "must be a whole number from 1 to 65535"),
        ("HTTP_PORT", "70000", "must be a whole number from 1 to 65535"),
        ("STALL_SECONDS", "-1", "must be a number above 0 to 600"),
        ("MODEL_API", "completions", "must be one of: responses, chat"),
        ("MODEL_CUTOFF", "June", "must be a date like 2026-06-30"),
        ("MODEL_URL", "localhost:8000", "must be a web address"),
        ("SLACK_API_URL", "slack.com/api", "must be a web address"),
        ("REDIS_URL", "localhost:6379", "must begin with redis://"),
        ("LOCAL_THREADS", "many", "must be a whole number from 1 to 256"),
        ("PLAN_EFFORT", "extreme", "must be one of: off, none, minimal"),
    ],
)
def test_a_wrong_value_is_explained_in_the_operators_words(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    """The message names the variable and what it takes, not the class or the validator."""
    monkeypatch.setenv(PREFIX + name, value)
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    assert str(caught.value).startswith(f"{PREFIX}{name} {words}")
    assert "pydantic" not in str(caught.value)


def test_all_wrong_values_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator mends everything in one go."""
    monkeypatch.setenv("COUNTRY_AGENTS_HTTP_PORT", "x")
    monkeypatch.setenv("COUNTRY_AGENTS_LEXICON", "x")
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize("name", ["REDIS_URL", "MODEL_URL", "SLACK_API_URL", "HTTP_PORT", "LEXICON"])
def test_a_wrong_value_is_never_repeated(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """What is wrong may be a secret in the wrong place: neither the error nor its causes show it."""
    monkeypatch.setenv(PREFIX + name, f"https://me:{SECRET}@host")
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_misspelt_variable_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A name with our prefix that is no setting is a mistake worth telling."""
    env = tmp_path / ".env"
    env.write_text("# COUNTRY_AGENTS_COMMENT=1\nexport COUNTRY_AGENTS_MODLE=x\nOTHER=1\n")
    monkeypatch.setenv("COUNTRY_AGENTS_SLACK_TOKEN", "x")
    monkeypatch.setenv("COUNTRY_AGENTS_MODEL", "x")
    monkeypatch.setitem(Settings.model_config, "env_file", env)
    assert unknown_variables() == ["COUNTRY_AGENTS_MODLE", "COUNTRY_AGENTS_SLACK_TOKEN"]


def test_every_setting_is_described() -> None:
    """The README's table is made of the descriptions."""
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_the_readme_holds_exactly_the_table_of_settings() -> None:
    """``make settings`` writes the table; nobody edits it by hand."""
    assert settings_table() in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "path",
    [
        path.relative_to(ROOT).as_posix()
        for path in [ROOT / "README.md", ROOT / "Makefile", *sorted((ROOT / "deploy").rglob("*"))]
        if path.is_file() and path.suffix != ".png"
    ],
)
def test_every_setting_named_in_a_file_exists(path: str) -> None:
    """No file tells an operator to set what nobody reads."""
    named = set(re.findall(r"COUNTRY_AGENTS(?:_[A-Z0-9]+)+", (ROOT / path).read_text(encoding="utf-8")))
    assert named - {variable(name) for name in Settings.model_fields} - NOT_SETTINGS == set()
