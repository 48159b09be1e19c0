"""All knobs of the program, in one place: read once, from the environment and ``.env``, then passed on.

Our names begin with ``COUNTRY_AGENTS_`` on purpose: Bolt reads ``SLACK_BOT_TOKEN``,
``SLACK_SIGNING_SECRET``, ``SLACK_CLIENT_ID`` and ``SLACK_CLIENT_SECRET`` by itself, and with the last
two set it turns OAuth on and forgets the token. Nothing of ours goes by those names, and whoever
builds an ``AsyncApp`` passes everything explicitly.
"""

from __future__ import annotations

import os
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from annotated_types import Ge, Le
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.errors import CountryAgentsError
from bot.setting_values import (
    ApiAddress,
    Count,
    Effort,
    FernetKeys,
    Level,
    Limit,
    RedisAddress,
    Seconds,
    WebAddress,
    default_data_dir,
)
from bot.setting_words import PREFIX, in_operators_words, table, variable

__all__ = ["PREFIX", "Settings", "SettingsError", "settings_table", "unknown_variables", "variable"]

OPENAI_KEY_VARIABLE = "OPENAI_API_KEY"


class SettingsError(CountryAgentsError):
    """A setting is missing or wrong. The message names each variable and what to do; never a value."""

    user_message = "This app is not set up completely. Please tell whoever runs it."


class Settings(BaseSettings):
    """Every setting, frozen. Build it with ``load``, which fails in the operator's words.

    Source, strongest first: ``load``'s arguments, the environment, ``.env`` in the working folder.
    Empty variables count as unset.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=Path(".env"),
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    slack_bot_token: SecretStr | None = Field(
        default=None, description="Bot token of the Slack app (`xoxb-…`). Needed by `serve`."
    )
    slack_app_token: SecretStr | None = Field(
        default=None,
        description="App-level token (`xapp-…`, scope `connections:write`). Set: Socket Mode. Unset: HTTP.",
    )
    slack_signing_secret: SecretStr | None = Field(
        default=None, description="Signing secret of the Slack app. Needed in HTTP mode."
    )
    apps_file: Path | None = Field(
        default=None,
        description="File that lists several Slack apps to be served by one process (see above); the three "
        "settings before stay unset then.",
    )
    slack_configuration_token: SecretStr | None = Field(
        default=None,
        description="Configuration token (`xoxe.xoxp-…`, lives 12 hours). Needed by `provision` only.",
    )
    slack_api_url: ApiAddress = Field(
        default="https://slack.com/api/",
        description="Slack's Web API. GovSlack: `https://slack-gov.com/api/`.",
    )
    slack_stream_seconds: Annotated[float, Ge(2), Le(290)] = Field(
        default=240,
        description="Age at which a streamed message is ended and the answer goes on in the next one. "
        "Slack ends a stream after 5 minutes.",
    )
    slack_window_seconds: Annotated[float, Ge(1), Le(600)] = Field(
        default=60, description="Window in which Slack counts calls; its tiers are calls a minute."
    )
    slack_sockets: Annotated[int, Ge(1), Le(10)] = Field(
        default=2,
        description="Socket Mode connections of each app in each process. Slack allows an app ten in all: "
        "set 1 for more than five replicas.",
    )
    http_host: str = Field(
        default="0.0.0.0",  # noqa: S104  every interface: in a container loopback reaches nobody
        description="Address to listen on in HTTP mode; every interface, as containers need. "
        "`127.0.0.1` behind a proxy on the same machine.",
    )
    http_port: Annotated[int, Ge(1), Le(65535)] = Field(
        default=3000, description="Port of HTTP mode; Slack's request URL is `https://…/slack/events`."
    )
    redis_url: RedisAddress | None = Field(
        default=None,
        description="Redis or Valkey, `redis://[:password@]host:6379/0` (`rediss://` for TLS), "
        "`redis+cluster://host:6379`, `redis+sentinel://host:26379,host:26379/name`; "
        "`valkey` is read as `redis`. Unset: an embedded Valkey in the data folder.",
    )
    model_url: WebAddress | None = Field(
        default=None,
        description="Base URL of an OpenAI-compatible server, usually ending in `/v1`. Unset: OpenAI.",
    )
    model_key: SecretStr | None = Field(
        default=None,
        description="API key of the model server. Unset and no `COUNTRY_AGENTS_MODEL_URL`: `OPENAI_API_KEY`.",
    )
    model: str = Field(default="gpt-6.1-sol", min_length=1, description="Model name, for every role.")
    plan_model: str | None = Field(
        default=None, description="Model for the strict-JSON calls (plan, outlook, watch), if another one."
    )
    section_model: str | None = Field(
        default=None, description="Model for the prose of the sections, if another one."
    )
    model_cutoff: date | None = Field(
        default=None,
        description="Last day of the model's training data, `2026-06-30`, as its maker states it; of several "
        "models, the earliest. Unset: no dated fact of the model's own knowledge passes the checks.",
    )
    model_api: Literal["responses", "chat"] = Field(
        default="responses",
        description="`responses` (OpenAI's Responses API) or `chat` (Chat Completions: most other servers).",
    )
    background: Literal["auto", "on", "off"] = Field(
        default="auto",
        description="Background responses: an answer goes on at the provider, stored there, when a process "
        "dies, and the next one reads on. `auto`: with OpenAI itself; `on`: any Responses API; `off`: never.",
    )
    fallback_model: str | None = Field(
        default=None,
        min_length=1,
        description="Second model, for every role, asked where the first fails, is paused or misconfigured. "
        "Unset: none.",
    )
    fallback_url: WebAddress | None = Field(
        default=None, description="Base URL of the second model's server. Unset: OpenAI."
    )
    fallback_key: SecretStr | None = Field(
        default=None,
        description="API key of that server. Unset: the first model's key if it is the same server; else, "
        "for OpenAI only, `OPENAI_API_KEY`.",
    )
    fallback_api: Literal["responses", "chat"] = Field(
        default="responses", description="`responses` or `chat`, for the second model."
    )
    plan_effort: Effort = Field(
        default="low",
        description="Reasoning effort of the JSON calls; `off`: not sent, as some models need.",
    )
    section_effort: Effort = Field(
        default="low", description="Reasoning effort of the section calls; `off`: not sent."
    )
    plan_tokens: Count = Field(
        default=600, description="Most tokens of the plan; thinking is allowed on top."
    )
    section_tokens: Count = Field(
        default=1300, description="Most tokens of one section; thinking is allowed on top."
    )
    connect_seconds: Seconds = Field(default=5, description="Time to connect to the model server.")
    first_token_seconds: Seconds = Field(
        default=60, description="Time until a call's first token; reasoning models think before it."
    )
    stall_seconds: Seconds = Field(default=30, description="Longest silence inside a stream of tokens.")
    model_attempts: Annotated[int, Ge(1), Le(10)] = Field(
        default=3, description="Attempts of one model call, the first included."
    )
    model_retry_seconds: Seconds = Field(default=45, description="Time within which a retry may begin.")
    calls_at_once: Annotated[int, Ge(1), Le(32)] = Field(
        default=8, description="Model calls of one assessment at once; the local model always has 1."
    )
    search_seconds: Annotated[float, Ge(0), Le(60)] = Field(
        default=8,
        description="Longest wait for searches before a question with few stored sources is answered.",
    )
    briefing_grace_hours: Annotated[float, Ge(0), Le(24)] = Field(
        default=2, description="How many hours late a missed briefing is still made up."
    )
    turns_at_once: Annotated[int, Ge(1), Le(2000)] = Field(
        default=200,
        description="Assessments one process works on at once, for each Slack app; the rest wait.",
    )
    lease_seconds: Annotated[int, Ge(2), Le(300)] = Field(
        default=10, description="After this silence another process takes over a killed one's assessments."
    )
    per_user_at_once: Limit = Field(
        default=0, description="Assessments one person may have running or waiting; 0: no limit."
    )
    per_user_hour: Limit = Field(
        default=0, description="Assessments one person may ask for in any 60 minutes; 0: no limit."
    )
    per_workspace_at_once: Limit = Field(
        default=0, description="Assessments a workspace may have running or waiting; 0: no limit."
    )
    per_workspace_hour: Limit = Field(
        default=0, description="Assessments a workspace may ask for in any 60 minutes; 0: no limit."
    )
    workspace_tokens_day: Limit = Field(
        default=0, description="Tokens a workspace may use in a day (UTC); 0: no limit."
    )
    workspace_money_day: Annotated[Decimal, Ge(0)] = Field(
        default=Decimal(0), description="Money a workspace may use in a day (UTC); 0: no limit."
    )
    currency: str = Field(default="USD", description="Currency of prices and budget, three capital letters.")
    prices: str = Field(
        default="",
        description="Prices a million tokens that correct the built-in ones, as JSON: "
        '`{"my-model": {"input": 2, "cached_input": 0.1, "output": 10}}`; `*` is any other model.',
    )
    global_at_once: Limit = Field(
        default=0,
        description="Assessments all processes work on at once; others wait in line. 0: no limit.",
    )
    evidence: bool = Field(
        default=True,
        description="Collect the personas' sources, and search them for each question. `false`: answers rest "
        "on the question alone, and say so.",
    )
    evidence_interval_seconds: Annotated[float, Ge(60), Le(86_400)] = Field(
        default=900,
        description="How often each source is read again. Newsrooms publish several times an hour.",
    )
    evidence_items: Annotated[int, Ge(1), Le(40)] = Field(
        default=12, description="Sources an assessment is written from; each takes about 300 tokens."
    )
    web_search: Literal["auto", "on", "off"] = Field(
        default="auto",
        description="The model provider’s own web search, beside the sources; providers bill each one. "
        "`auto`: where the server has it (Responses API); `on`: and a banner tells where not; `off`: never.",
    )
    search_terms: bool = Field(
        default=True,
        description="Ask the model for search terms in the country’s languages, within 2 seconds.",
    )
    evidence_user_agent: str = Field(
        default="Mozilla/5.0 (compatible; CountryAgents/0.1; feed reader of an analysts' desk)",
        min_length=10,
        max_length=300,
        description="How the collector names itself to web servers; add an address where you can be reached.",
    )
    evidence_loopback: bool = Field(
        default=False,
        description="For tests: sources on 127.0.0.1 may be read, at any port. Never set it on a server.",
    )
    personas_dir: Path | None = Field(
        default=None, description="Folder of persona files. Unset: those that come with the program."
    )
    question_limit: Annotated[int, Ge(100), Le(40_000)] = Field(
        default=4000, description="Longest question in characters; a longer one is refused, with a sentence."
    )
    edit_window_seconds: Annotated[int, Ge(0), Le(86_400)] = Field(
        default=300, description='How long an edited question offers "Ask again with the new text". 0: never.'
    )
    words_days: Annotated[int, Ge(1), Le(90)] = Field(
        default=7, description="Days for which a thread's messages and questions are remembered."
    )
    assessments_days: Annotated[int, Ge(1), Le(3650)] = Field(
        default=180,
        description="Days for which assessments are remembered as data, without anybody's words.",
    )
    encryption_keys: FernetKeys | None = Field(
        default=None,
        description="Keys that encrypt what is remembered of threads, with commas: the first one writes, all "
        "read (put a new one in front to rotate). Make one with `openssl rand -base64 32 | tr '+/' '-_'`. "
        "Unset: not encrypted.",
    )
    context_tokens: Annotated[int, Ge(500), Le(100_000)] = Field(
        default=6000,
        description="Longest account of a thread that a follow-up is given, in tokens of about four "
        "characters; the oldest turns are shortened first.",
    )
    strangers: Literal["refuse", "answer"] = Field(
        default="refuse",
        description="People of other organisations in Slack Connect channels: `refuse` or `answer`.",
    )
    guests: Literal["refuse", "answer"] = Field(
        default="refuse", description="Guests of the workspace: `refuse` or `answer`."
    )
    channels: str = Field(
        default="",
        description="Ids of the only channels to answer in, with commas (`C0123,C0456`); direct messages "
        "always work. Empty: every channel.",
    )
    organisation: str = Field(
        default="Three Corporate",
        min_length=1,
        description="The firm the desk works for: address and last line.",
    )
    lexicon: Literal["icd203", "phia"] = Field(
        default="icd203",
        description="Likelihood terms: US ICD 203 (`icd203`) or the UK's PHIA yardstick (`phia`).",
    )
    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="Folder of the embedded store and the local model's weights.",
    )
    local_model: str = Field(
        default="auto",
        min_length=1,
        description="The sandbox's model without a key: `auto`, a name, or a GGUF file.",
    )
    local_threads: Annotated[int, Ge(1), Le(256)] | None = Field(
        default=None, description="CPU threads of the local model. Unset: the machine's cores."
    )
    log_level: Level = Field(default="INFO", description="`DEBUG`, `INFO`, `WARNING` or `ERROR`.")
    log_format: Literal["text", "json"] = Field(
        default="text", description="`text` for people, `json` for collectors."
    )

    @property
    def socket_mode(self) -> bool:
        """True: events come over a WebSocket that we open; False: over signed HTTP."""
        return self.slack_app_token is not None

    @classmethod
    def load(cls, **overrides: Any) -> Self:  # noqa: ANN401  each field has its own type
        """Read the settings; ``overrides`` are fields by name and win. Raises ``SettingsError``."""
        try:
            settings = cls(**overrides)
        except ValidationError as error:
            raise SettingsError(
                in_operators_words(error, cls.model_fields)
            ) from None  # the cause would print the values
        return settings.model_copy(update=_keys_by_address(settings))


def _keys_by_address(settings: Settings) -> dict[str, SecretStr]:
    """Keys that need not be set: OpenAI's own, and the first model's for a second one on the same server.
    Only ever for that server: another one must not be handed a key by accident.
    """
    own = os.environ.get(OPENAI_KEY_VARIABLE)
    openai = SecretStr(own) if own else None
    primary, found = settings.model_key, dict[str, SecretStr]()
    if primary is None and settings.model_url is None and openai is not None:
        primary = found["model_key"] = openai
    if settings.fallback_model is not None and settings.fallback_key is None:
        key = primary if settings.fallback_url == settings.model_url else None
        if key is None and settings.fallback_url is None:
            key = openai
        if key is not None:
            found["fallback_key"] = key
    return found


def unknown_variables() -> list[str]:
    """Names with our prefix, set in the environment or ``.env``, that no setting goes by: misspellings."""
    known = {variable(name) for name in Settings.model_fields}
    names = {name.upper() for name in os.environ}
    env_file = Settings.model_config.get("env_file")
    if isinstance(env_file, Path) and env_file.is_file():
        lines = env_file.read_text(encoding="utf-8").splitlines()
        names |= {
            line.removeprefix("export ").partition("=")[0].strip().upper() for line in lines if "=" in line
        }
    return sorted(name for name in names if name.startswith(PREFIX) and name not in known)


def settings_table() -> str:
    """The README's Markdown table of all settings, in the order of the class."""
    return table(Settings.model_fields)
