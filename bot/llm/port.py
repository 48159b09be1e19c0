"""The port to a language model: one call in, text and one ``Finished`` out.

``openai_model`` implements it over the Responses API and over Chat Completions; the engine knows
only this module.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from bot.errors import CountryAgentsError

__all__ = [
    "FinishReason",
    "Finished",
    "JsonSchema",
    "Model",
    "ModelBrokenError",
    "ModelCall",
    "ModelConfigurationError",
    "ModelError",
    "ModelForgottenError",
    "ModelPausedError",
    "ModelRateLimitedError",
    "ModelRefusedError",
    "ModelTooLongError",
    "ModelUnavailableError",
    "ResumePoint",
    "Role",
    "Usage",
]


class Role(StrEnum):
    """What a call is for; model name, effort and tokens are settings per role."""

    PLAN = "plan"
    """Strict JSON: plan, outlook, watch."""
    SECTION = "section"
    """Prose of one section."""


@dataclass(frozen=True, slots=True)
class JsonSchema:
    """A strict JSON schema the answer must follow; ``name`` is what the provider is told."""

    name: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """How far one reader has come in an answer that the provider keeps writing without us (background
    response). JSON-able with ``dataclasses.asdict``; worth a checkpoint: another process can go on from it.
    """

    account: str
    """Where the answer is kept: ``bot.llm.endpoint.endpoint_id``."""
    response_id: str
    sequence_number: int
    """Of the last event whose text the reader has."""
    characters: int
    """Of the text the reader has."""

    def beginning(self) -> ResumePoint:
        """The same answer, all of it once more, for a reader who kept no text: that costs no tokens."""
        return ResumePoint(self.account, self.response_id, 0, 0)


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One call. ``system`` and ``context`` are byte-identical for all calls of a turn, so that the
    provider's prompt cache serves all but the first; ``instruction`` alone differs.
    """

    turn_id: str
    """Prompt-cache key and log field."""
    name: str
    """``plan``, ``outlook``, ``section-3``: for logs and metrics."""
    role: Role
    system: str
    context: str
    instruction: str
    max_output_tokens: int
    schema: JsonSchema | None = None
    opening: str = ""
    """Words the answer is made to begin with, where the API can (local model); the text that comes
    back does not repeat them. Ignored elsewhere."""
    resume: ResumePoint | None = None
    """``resumable`` only: go on with this answer instead of asking for one."""


class FinishReason(StrEnum):
    """Why a stream ended, as the provider's terminal event said."""

    STOP = "stop"
    LENGTH = "length"
    FILTERED = "filtered"
    """Ended by a content filter, or the model refused."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call; zero where the server does not say."""

    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Finished:
    """The last item of every stream that did not raise."""

    reason: FinishReason
    usage: Usage
    model: str = ""
    """The model that answered, by the name it was asked for: where there are several, the disclosure
    names those that wrote."""


class Model(Protocol):
    """A language model."""

    @property
    def name(self) -> str:
        """The model's name, as people are told it."""
        ...

    def stream(self, call: ModelCall) -> AsyncGenerator[str | Finished, None]:
        """Yield text as it arrives (never empty strings), then one ``Finished``; raise a
        ``ModelError`` otherwise. One attempt: retries belong to the caller, which alone knows what
        the reader has seen. Closing the generator ends the request at once.
        """
        ...

    def resumable(self, call: ModelCall) -> AsyncGenerator[str | ResumePoint | Finished, None]:
        """Like ``stream``, with the ``ResumePoint`` reached, once the answer has an id and then at most
        once a second; none where the provider has no background responses. With ``call.resume`` the text
        after that point follows, and never another answer: ``ModelForgottenError`` where it is gone.

        Closing the generator leaves the answer running at the provider, for whoever resumes it: who wants
        neither calls ``cancel``. A ``ModelError`` ends the answer; the next attempt makes a new one.
        """
        ...

    def holds(self, point: ResumePoint) -> bool:
        """Whether the answer is kept at this model's provider."""
        ...

    async def cancel(self, point: ResumePoint) -> None:
        """End an answer that nobody will resume, so that it costs no more. Best effort, two seconds at most;
        never raises.
        """
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


class ModelError(CountryAgentsError):
    """The model did not deliver. ``retryable``: the same call may succeed when made again."""

    retryable = False
    user_message = "The language model did not answer. Please ask again in a minute."


class ModelUnavailableError(ModelError):
    """No connection, a 5xx, or no first token in time."""

    retryable = True
    user_message = "The language model cannot be reached right now. Please ask again in a few minutes."


class ModelRateLimitedError(ModelError):
    """A 429. ``retry_after_seconds`` is the server's word, or ``None``."""

    retryable = True
    user_message = "The language model is busy right now. Please ask again in a few minutes."

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class ModelPausedError(ModelRateLimitedError):
    """No request was made: an earlier 429, here or in another replica, asks for more patience than a call
    has. ``retry_after_seconds`` is what is left of it.
    """


class ModelBrokenError(ModelError):
    """The stream broke off: disconnect, stall, malformed chunk, or no terminal event."""

    retryable = True
    user_message = "The language model broke off in the middle of its answer. Please ask again."


class ModelForgottenError(ModelBrokenError):
    """The answer to be resumed cannot be had any more: ask anew, without ``resume``."""


class ModelRefusedError(ModelError):
    """The model or its provider declined to answer this question."""

    user_message = "The language model declined to answer this question. Please put it another way."


class ModelTooLongError(ModelError):
    """Question and material do not fit the model's context window."""

    user_message = "The question and its material are too long for the language model. Please shorten them."


class ModelConfigurationError(ModelError):
    """Key, model name or address is wrong: only the operator can help."""

    user_message = (
        "The language model refused our credentials or settings. "
        "Please tell whoever runs this app to look at `country-agents doctor`."
    )
