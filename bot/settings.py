"""All knobs of the program, in one place: read once, from the environment and ``.env``, then passed on.

Our names begin with ``COUNTRY_AGENTS_`` on purpose: Bolt reads ``SLACK_BOT_TOKEN``,
``SLACK_SIGNING_SECRET``, ``SLACK_CLIENT_ID`` and ``SLACK_CLIENT_SECRET`` by itself, and with the last
two set it turns OAuth on and forgets the token. Nothing of ours goes by those names, and whoever
builds an ``AsyncApp`` passes everything explicitly.
"""

from __future__ import annotations

import base64
import os
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args, get_origin
from urllib.parse import urlsplit

from annotated_types import Ge, Gt, Le
from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.errors import CountryAgentsError

__all__ = ["PREFIX", "Settings", "SettingsError", "settings_table", "unknown_variables", "variable"]

PREFIX = "COUNTRY_AGENTS_"
OPENAI_KEY_VARIABLE = "OPENAI_API_KEY"

FERNET_KEY_BYTES = 32
"""Of a Fernet key: half signs, half encrypts (Fernet specification)."""

REDIS_SCHEMES = (
    "redis",
    "rediss",
    "unix",
    "redis+cluster",
    "rediss+cluster",
    "redis+sentinel",
    "rediss+sentinel",
)
"""TCP, TCP with TLS, a socket file; docket's words for a cluster and for a master behind sentinels."""


class SettingsError(CountryAgentsError):
    """A setting is missing or wrong. The message names each variable and what to do; never a value."""

    user_message = "This app is not set up completely. Please tell whoever runs it."


def _default_data_dir() -> Path:
    """The XDG base directory specification's place for a user's data."""
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "country-agents"


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be a web address that begins with https:// or http://")
    if parts.username or parts.password:
        raise ValueError("must not hold a user name or password; keys have settings of their own")
    return value.rstrip("/")


def _with_slash(value: str) -> str:
    # slack_sdk joins method names to this by plain concatenation.
    return _web_address(value) + "/"


def _redis_address(value: SecretStr) -> SecretStr:
    scheme, colon, rest = value.get_secret_value().partition(":")
    # Valkey's own schemes, which the client libraries do not know.
    kind, plus, way = scheme.lower().partition("+")
    scheme = {"valkey": "redis", "valkeys": "rediss"}.get(kind, kind) + plus + way
    if scheme not in REDIS_SCHEMES:
        raise ValueError(
            "must begin with redis://, rediss:// (TLS), unix:// (a socket file), redis+cluster:// or "
            "redis+sentinel://"
        )
    return SecretStr(scheme + colon + rest)


def _fernet_keys(value: SecretStr) -> SecretStr:
    for key in value.get_secret_value().split(","):
        try:
            sized = len(base64.b64decode(key.strip(), altchars=b"-_", validate=True)) == FERNET_KEY_BYTES
        except ValueError:
            sized = False
        if not sized:
            raise ValueError("must hold keys of 32 bytes as URL-safe base64, separated by commas")
    return value


def _effort(value: str) -> str:
    # An empty variable counts as unset (compose passes empties), so "do not send" needs a word.
    return "" if value == "off" else value


WebAddress = Annotated[str, AfterValidator(_web_address)]
Effort = Annotated[
    Literal["", "off", "none", "minimal", "low", "medium", "high", "xhigh", "max"], AfterValidator(_effort)
]
Seconds = Annotated[float, Gt(0), Le(600)]
Count = Annotated[int, Ge(1)]
Limit = Annotated[int, Ge(0)]
Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


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
    slack_api_url: Annotated[str, AfterValidator(_with_slash)] = Field(
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
    redis_url: Annotated[SecretStr, AfterValidator(_redis_address)] | None = Field(
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
    encryption_keys: Annotated[SecretStr, AfterValidator(_fernet_keys)] | None = Field(
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
        default_factory=_default_data_dir,
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
            raise SettingsError(_in_operators_words(error)) from None  # the cause would print the values
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


def variable(field: str) -> str:
    """The environment variable of a field: ``redis_url`` -> ``COUNTRY_AGENTS_REDIS_URL``."""
    return PREFIX + field.upper()


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
    """The README's Markdown table of all settings, one row each, in the order of the class."""
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        rows.append(f"| `{variable(name)}` | {_printed_default(name, field)} | {field.description} |")
    return "\n".join(rows)


def _printed_default(name: str, field: FieldInfo) -> str:
    if name == "data_dir":
        return "`~/.local/share/country-agents`"
    return "" if field.default is None else f"`{field.default}`"


def _in_operators_words(error: ValidationError) -> str:
    lines: list[str] = []
    for problem in error.errors(include_input=False, include_url=False):
        name = str(problem["loc"][0]) if problem["loc"] else ""
        field = Settings.model_fields.get(name)
        if field is None:
            lines.append(f"{name or 'settings'}: there is no such setting.")
            continue
        own_words = str(problem["msg"]).removeprefix("Value error, ")
        wanted = own_words if problem["type"] == "value_error" else _wanted(field)
        line = f"{variable(name)} {wanted}. Correct it, or remove it for the default."
        if line not in lines:
            lines.append(line)
    return "\n".join(lines)


def _wanted(field: FieldInfo) -> str:
    """What a field takes, from its type and bounds: "must be a whole number from 1 to 65535"."""
    kinds, marks = _kinds_and_marks(field.annotation)
    marks += field.metadata
    for kind in kinds:
        if get_origin(kind) is Literal:
            return "must be one of: " + ", ".join(str(choice) for choice in get_args(kind) if choice)
    if bool in kinds:
        return "must be true or false"
    names = ((int, "a whole number"), (float, "a number"), (Decimal, "a number"))
    numbers = [name for kind, name in names if kind in kinds]
    if not numbers:
        return "must not be empty" if str in kinds else "must be a path"
    words = f"must be {numbers[0]}"
    for mark in marks:
        if isinstance(mark, Ge):
            words += f" from {mark.ge}"
        elif isinstance(mark, Gt):
            words += f" above {mark.gt}"
        elif isinstance(mark, Le):
            words += f" to {mark.le}"
    return words


def _kinds_and_marks(annotation: object) -> tuple[list[object], list[object]]:
    """The plain types inside unions and ``Annotated``, and the marks hung on them."""
    if get_origin(annotation) is Annotated:
        kind, *marks = get_args(annotation)
        kinds, inner = _kinds_and_marks(kind)
        return kinds, inner + marks
    if get_origin(annotation) is None or get_origin(annotation) is Literal:
        return [annotation], []
    kinds, marks = [], []
    for choice in get_args(annotation):
        more_kinds, more_marks = _kinds_and_marks(choice)
        kinds += more_kinds
        marks += more_marks
    return kinds, marks
