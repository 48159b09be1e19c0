"""The model port over the ``openai`` SDK: Responses API or Chat Completions, read as raw bytes.

The SDK does keys, addresses and connections; the body is read by ``bot.llm.reading``.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import openai
import structlog

from bot.llm.background import BackgroundAnswer, cancel_answer
from bot.llm.decoding import ChatDecoder, ResponsesDecoder, StreamDecoder
from bot.llm.endpoint import (
    OPTIONAL_FIELDS,
    ModelEndpoint,
    ModelTimeouts,
    RoleSettings,
    background_body,
    chat_body,
    endpoint_id,
    output_limit,
    responses_body,
    search_body,
)
from bot.llm.port import (
    Finished,
    ModelCall,
    ModelConfigurationError,
    ModelForgottenError,
    ModelUnavailableError,
    ResumePoint,
    Role,
)
from bot.llm.reading import Reading
from bot.llm.vendor_errors import VENDOR_ERRORS, error_from_exception
from bot.llm.web_search import SearchDone, SearchQuery, WebAnswer, WebSearchUnsupportedError

__all__ = ["ModelEndpoint", "ModelTimeouts", "OpenAIModel", "RoleSettings"]

OPENAI_URL = "https://api.openai.com/v1"
"""Given explicitly, or the SDK would read ``OPENAI_BASE_URL``, which is no setting of ours."""

log = structlog.get_logger(__name__)


class OpenAIModel:
    """One OpenAI-compatible server as a ``Model``. Makes no attempt of its own after a failure, but
    one: the same request without a field that the server does not know.
    """

    def __init__(self, endpoint: ModelEndpoint) -> None:
        self._endpoint = endpoint
        self._client: openai.AsyncOpenAI | None = None
        self._unknown_fields: set[str] = set()
        self._leaving: set[asyncio.Task[None]] = set()
        """Answers being ended whose reader has gone already."""

    @property
    def name(self) -> str:
        """The model that writes the sections: they are what people read."""
        return self._endpoint.roles[Role.SECTION].model

    async def models(self) -> list[str]:
        """Names of the models the server offers, for ``doctor``; raises a ``ModelError``."""
        try:
            page = await self._opened().models.list(timeout=self._endpoint.timeouts.first_token_seconds)
        except VENDOR_ERRORS as error:
            raise error_from_exception(error, stream_began=False) from error
        return [model.id for model in page.data]

    def open(self) -> None:
        """Load what the first call needs: the SDK imports its resources at first use, a quarter of a second
        that the first person to ask would wait for.
        """
        client = self._opened()
        if self._endpoint.api == "responses":
            _ = client.responses.with_streaming_response
        else:
            _ = client.chat.completions.with_streaming_response

    async def aclose(self) -> None:
        """Close all connections; a stream still open ends with a ``ModelError``."""
        await asyncio.gather(*self._leaving, return_exceptions=True)
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def resumable(self, call: ModelCall) -> AsyncGenerator[str | ResumePoint | Finished, None]:
        """See ``bot.llm.port.Model.resumable``."""
        point = call.resume
        if point is not None and not (self._in_background and self.holds(point)):
            raise ModelForgottenError("the answer to be resumed is not kept at this endpoint")
        items: AsyncGenerator[str | ResumePoint | Finished, None]
        if self._in_background:
            items = BackgroundAnswer(
                self._opened(), self._endpoint, call, self._respond, self._leaving
            ).read()
        else:
            items = self.stream(call)
        async with contextlib.aclosing(items):
            async for item in items:
                yield item

    def holds(self, point: ResumePoint) -> bool:
        """See ``bot.llm.port.Model.holds``."""
        return point.account == endpoint_id(self._endpoint)

    async def cancel(self, point: ResumePoint) -> None:
        """See ``bot.llm.port.Model.cancel``."""
        if self.holds(point):
            await cancel_answer(self._opened(), point.response_id)

    @property
    def can_search(self) -> bool:
        """Whether the API has a web search."""
        return self._endpoint.api == "responses"

    async def search(self, call: ModelCall) -> AsyncGenerator[SearchQuery | SearchDone, None]:
        """See ``bot.llm.web_search.WebSearch.search``; for the Responses API."""
        if not self.can_search:
            raise WebSearchUnsupportedError("only the Responses API has a web search")
        respond = functools.partial(self._respond, searching=True)
        answer = WebAnswer(respond, call, self._endpoint.roles[call.role].model)
        try:
            async with contextlib.aclosing(answer.read()) as items:
                async for item in items:
                    yield item
        except ModelConfigurationError as error:
            # The model's other calls show whether its key or name are wrong: here it is the tool.
            raise WebSearchUnsupportedError("the server refused the web search tool") from error

    async def stream(self, call: ModelCall) -> AsyncGenerator[str | Finished, None]:
        """See ``bot.llm.port.Model.stream``."""
        deadline = asyncio.get_running_loop().time() + self._endpoint.timeouts.first_token_seconds
        async with contextlib.AsyncExitStack() as stack:
            response = await self._respond(call, stack, deadline)
            reading = Reading(response, self._decoder(call), self._endpoint.timeouts, deadline)
            stack.push_async_callback(response.close)
            while (text := await reading.next_text()) is not None:
                yield text
            finished = reading.finished()
            await reading.drain()
        yield replace(finished, model=self._endpoint.roles[call.role].model)

    @property
    def _in_background(self) -> bool:
        endpoint = self._endpoint
        return (
            endpoint.background and endpoint.api == "responses" and "background" not in self._unknown_fields
        )

    def _opened(self) -> openai.AsyncOpenAI:
        """Build the client at first use: it belongs to the loop it is used in."""
        if self._client is None:
            timeouts = self._endpoint.timeouts
            self._client = openai.AsyncOpenAI(
                api_key=self._endpoint.key,
                base_url=self._endpoint.url or OPENAI_URL,
                max_retries=0,
                # Reads have deadlines of their own, by stage; here only the connection has one.
                timeout=openai.Timeout(None, connect=timeouts.connect_seconds),
                # Its defaults allow 1,000 connections; twenty turns of eight calls take 160.
                http_client=openai.DefaultAioHttpClient(),
            )
        return self._client

    async def _respond(
        self,
        call: ModelCall,
        stack: contextlib.AsyncExitStack,
        deadline: float,
        *,
        in_background: bool = False,
        searching: bool = False,
    ) -> openai.AsyncAPIResponse[Any]:
        """Send the request and return the answer's head. A 400 that names an optional field is
        answered by the same request without it, now and in all later calls.
        """
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    request = self._request(call, in_background=in_background, searching=searching)
                    return await stack.enter_async_context(request)
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                named = _fields_named(error) - self._unknown_fields
                if not named:
                    raise error_from_exception(error, stream_began=False) from error
                self._unknown_fields |= named
                log.info("model.field_dropped", fields=sorted(named), call=call.name, turn=call.turn_id)
            except TimeoutError:
                raise ModelUnavailableError("the model server did not begin to answer in time") from None
            except VENDOR_ERRORS as error:
                raise error_from_exception(error, stream_began=False) from error

    def _request(
        self, call: ModelCall, *, in_background: bool = False, searching: bool = False
    ) -> contextlib.AbstractAsyncContextManager[Any]:
        endpoint, client = self._endpoint, self._opened()
        make = responses_body if endpoint.api == "responses" else chat_body
        if in_background and self._in_background:  # the server may have said meanwhile that it has none
            make = background_body
        make = search_body if searching else make
        fields = {k: v for k, v in make(endpoint, call).items() if k not in self._unknown_fields}
        # As an extra body it is sent as it is: the SDK's walk through its parameter types would cost
        # more than the rest of the request (a millisecond, for each of a turn's dozen calls).
        body = {**fields, **endpoint.extra}
        if endpoint.api == "responses":
            return client.responses.with_streaming_response.create(stream=True, extra_body=body)
        return client.chat.completions.with_streaming_response.create(
            model=body["model"], messages=[], stream=True, extra_body=body
        )

    def _decoder(self, call: ModelCall) -> StreamDecoder:
        if self._endpoint.api == "responses":
            return ResponsesDecoder(output_limit(call, self._endpoint.roles[call.role]))
        return ChatDecoder()


def _fields_named(error: openai.APIStatusError) -> set[str]:
    """Optional fields a 400 complains about, by its ``param`` or quoted in its message."""
    param = str(error.param or "").split(".")[0]
    quoted = {name for name in OPTIONAL_FIELDS if f"'{name}" in error.message or f'"{name}"' in error.message}
    return quoted | ({param} & set(OPTIONAL_FIELDS))
