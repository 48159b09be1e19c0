"""The model behind the engine, put together from the settings: servers, shared pauses, and a fallback."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import SecretStr

from bot.errors import CountryAgentsError
from bot.llm.endpoint import ModelEndpoint, ModelTimeouts, RoleSettings, endpoint_id
from bot.llm.failover import FailoverModel
from bot.llm.openai_model import OpenAIModel
from bot.llm.pacing import PacedModel, PacedSearch, PaceSettings, ProviderPause
from bot.llm.port import Model, Role
from bot.llm.web_search import WebSearch
from bot.metering import MeteredModel
from bot.settings import Settings, variable

__all__ = ["DemoModel", "ModelStack", "NotConfiguredError", "endpoints_of", "model_stack"]

REASONING_TOKENS = 4_000
"""Tokens a reasoning model may think in addition to what it writes, at low effort: providers count both
against the same limit, and an answer cut off by its own thoughts is lost."""
OPENAI_HOST = "api.openai.com"
DEMO_FIRST_TOKEN_SECONDS = 120.0
"""Seconds: a small model on two busy cores reads a long question slowly."""
FALLBACK_WAIT_SECONDS = 1.0
"""Longest wait of a call for the end of a provider's pause where there is a second model: that one answers
at once, and a shorter wait keeps the answer in one model's words."""


class NotConfiguredError(CountryAgentsError):
    """Something that only the operator can supply is missing."""

    user_message = "This app is not set up completely. Please tell whoever runs it."


@dataclass(frozen=True, slots=True)
class DemoModel:
    """A local model server in use instead of a real one."""

    url: str
    key: str
    name: str
    extra: dict[str, Any]
    section_tokens: int


@dataclass(frozen=True, slots=True)
class ModelStack:
    """The model to ask, and the servers it leads to."""

    meter: MeteredModel
    """The outermost one: every call passes by."""
    servers: tuple[OpenAIModel, ...]
    search: WebSearch | None
    """The first server's web search, paced with its account and counted with its turn's tokens; ``None``
    where its API has none. Whether the server has one shows when it is asked.
    """

    def open(self) -> None:
        """Load what the first call needs (see ``OpenAIModel.open``)."""
        for server in self.servers:
            server.open()

    async def aclose(self) -> None:
        """Close all connections."""
        await self.meter.aclose()


def model_stack(
    settings: Settings, local: DemoModel | None, pause_of: Callable[[str], ProviderPause] | None = None
) -> ModelStack:
    """The model of these settings. ``pause_of`` makes the pause of an account (``endpoint_id``), once each;
    without it 429s pause nobody. Raises ``NotConfiguredError``.
    """
    endpoints = endpoints_of(settings, local)
    servers = tuple(OpenAIModel(endpoint) for endpoint in endpoints)
    lanes: list[Model] = list(servers)
    search: WebSearch | None = servers[0] if servers[0].can_search else None
    if pause_of is not None:
        # Two models of one account share its pause.
        accounts = [endpoint_id(endpoint) for endpoint in endpoints]
        pauses = {account: pause_of(account) for account in set(accounts)}
        pace = PaceSettings(longest_wait_seconds=FALLBACK_WAIT_SECONDS) if len(servers) > 1 else None
        lanes = [
            PacedModel(server, pauses[account], pace)
            for server, account in zip(servers, accounts, strict=True)
        ]
        if search is not None:
            search = PacedSearch(search, pauses[accounts[0]], pace)
    meter = MeteredModel(lanes[0] if len(lanes) == 1 else FailoverModel(lanes[0], lanes[1]))
    return ModelStack(meter, servers, meter.counted(search) if search is not None else None)


def endpoints_of(settings: Settings, local: DemoModel | None) -> tuple[ModelEndpoint, ...]:
    """Which model server to call, and how; then the one to fall back on, if there is one."""
    if local is not None:
        return (_demo_endpoint(local),)
    if settings.model_key is None and settings.model_url is None:
        raise NotConfiguredError(
            "No model is configured: set COUNTRY_AGENTS_MODEL_KEY (OpenAI), or COUNTRY_AGENTS_MODEL_URL for "
            "a compatible server. `country-agents sandbox` runs without either."
        )
    names = {
        Role.PLAN: settings.plan_model or settings.model,
        Role.SECTION: settings.section_model or settings.model,
    }
    primary = _endpoint(settings, names, settings.model_url, settings.model_key, settings.model_api)
    name = settings.fallback_model
    if name is None:
        return (primary,)
    url, key = settings.fallback_url, settings.fallback_key
    if key is None and url is None:
        raise NotConfiguredError(
            f"The fallback model has no key: set {variable('fallback_key')} (OpenAI), or "
            f"{variable('fallback_url')} for a compatible server."
        )
    fallback = _endpoint(settings, dict.fromkeys(Role, name), url, key, settings.fallback_api)
    return primary, fallback


def _endpoint(
    settings: Settings,
    names: dict[Role, str],
    url: str | None,
    key: SecretStr | None,
    api: Literal["responses", "chat"],
) -> ModelEndpoint:
    efforts = {Role.PLAN: settings.plan_effort, Role.SECTION: settings.section_effort}
    return ModelEndpoint(
        roles={
            role: RoleSettings(
                names[role],
                effort=efforts[role] or None,
                reasoning_tokens=REASONING_TOKENS if efforts[role] not in ("", "none") else 0,
            )
            for role in Role
        },
        key=key.get_secret_value() if key else "none",
        url=url,
        api=api,
        timeouts=ModelTimeouts(
            settings.connect_seconds, settings.first_token_seconds, settings.stall_seconds
        ),
        background=_in_background(settings, url, api),
    )


def _in_background(settings: Settings, url: str | None, api: Literal["responses", "chat"]) -> bool:
    """Whether answers are to outlive their connection: Chat Completions has no such thing, and of the servers
    that speak the Responses API only OpenAI's own is known to.
    """
    if api == "chat" or settings.background == "off":
        return False
    return settings.background == "on" or url is None or urlsplit(url).hostname == OPENAI_HOST


def _demo_endpoint(local: DemoModel) -> ModelEndpoint:
    role = RoleSettings(local.name)
    return ModelEndpoint(
        roles=dict.fromkeys(Role, role),
        key=local.key,
        url=local.url,
        api="chat",
        timeouts=ModelTimeouts(first_token_seconds=DEMO_FIRST_TOKEN_SECONDS),
        extra=local.extra,
        prefill=True,
        chat_limit_field="max_tokens",
    )
