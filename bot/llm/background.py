"""Answers that outlive their connection: OpenAI's background responses, read by event number.

The provider writes such an answer whether somebody listens or not. A reader who lost the connection, or a
process that took the reader's work over, goes on after the last event it has. The ladder, from best to worst:

1. ``GET /responses/{id}?stream=true&starting_after=N``: the events after N;
2. 400 (streams can be joined for five minutes only): ask for the whole until it is complete;
3. 404 (forgotten): ``ModelForgottenError``, and the caller asks anew. Within a call of its own that has given
   no text yet, this happens here.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterator, Mapping
from dataclasses import replace
from typing import Any, Protocol, TypeVar

import openai
import orjson
import structlog

from bot.llm.decoding import MALFORMED_EVENT, OVERSIZED_EVENT, ResponsesDecoder
from bot.llm.endpoint import ModelEndpoint, endpoint_id, output_limit
from bot.llm.port import (
    Finished,
    FinishReason,
    ModelBrokenError,
    ModelCall,
    ModelError,
    ModelForgottenError,
    ModelRefusedError,
    ModelUnavailableError,
    ResumePoint,
)
from bot.llm.reading import Reading
from bot.llm.vendor_errors import VENDOR_ERRORS, error_from_exception, error_from_failure
from bot.retrying import RetryPolicy, retrying

__all__ = ["BackgroundAnswer", "BackgroundDecoder", "cancel_answer"]

POINT_SECONDS = 1.0
"""Least time between two resume points: each is a write to the store, and what was written since the last one
is at worst read once more."""

BREAKS = 2
"""Connections in a row that may be cut without a new event before the answer is given up: each may have
cost a stall (30 s by default)."""

JOINING = RetryPolicy(attempts=4, seconds=10.0, first_wait_seconds=0.25, max_wait_seconds=2.0)
"""Attempts at one ``GET`` of an answer. Ten seconds cover a provider's blip; after them asking anew, perhaps
elsewhere, is the better use of the reader's time."""

HEAD_SECONDS = 5.0
"""Longest wait for the head of such an answer: the server has it, or it has not."""

POLL_SECONDS = 1.0
"""Time between two looks at an answer that can no longer be streamed: it is minutes old, a second is
little."""

POLLING_SECONDS = 120.0
"""Longest wait for the end of such an answer: a section takes one minute to write, and this one began more
than five minutes ago."""

CANCEL_SECONDS = 2.0
"""Longest time given to a cancellation: it saves some tokens and must not hold up a stop."""

log = structlog.get_logger(__name__)


_T = TypeVar("_T")


class Create(Protocol):
    """Sends the request that begins an answer; raises a ``ModelError``."""

    async def __call__(
        self,
        call: ModelCall,
        stack: contextlib.AsyncExitStack,
        deadline: float,
        *,
        in_background: bool = False,
    ) -> openai.AsyncAPIResponse[Any]:
        """Return the answer's head; the connection lives as long as ``stack``."""
        ...


class BackgroundDecoder(ResponsesDecoder):
    """Also notes the answer's id, and the number of the last event that was read. Events up to that number
    are left out: some servers ignore where a reader wants to begin.
    """

    def __init__(self, max_output_tokens: int, *, after: int | None = None) -> None:
        super().__init__(max_output_tokens)
        self.created = False
        """The server has begun the answer."""
        self.response_id = ""
        """Set if the server runs the answer in the background."""
        self.sequence_number = after

    def _wanted(self, name: bytes, data: bytes) -> bool:
        return name == b"response.created" or super()._wanted(name, data)

    def _take(self, name: bytes, event: dict[str, Any]) -> str:
        number = event.get("sequence_number")
        known = self.sequence_number
        if isinstance(number, int) and known is not None and number <= known:
            return ""
        text = ""
        if name == b"response.created" or event.get("type") == "response.created":
            self.created = True
            response = event["response"]
            self.response_id = str(response["id"]) if response.get("background") else ""
        else:
            text = super()._take(name, event)
        # The event that ends an answer is never behind a reader: who resumes there needs it again.
        if isinstance(number, int) and not self.closed:
            self.sequence_number = number
        return text


class BackgroundAnswer:
    """One answer, over as many connections as it takes."""

    def __init__(
        self,
        client: openai.AsyncOpenAI,
        endpoint: ModelEndpoint,
        call: ModelCall,
        create: Create,
        leaving: set[asyncio.Task[None]],
    ) -> None:
        """``leaving`` holds what goes on after ``read`` was closed, for the client's owner to await."""
        self._client = client
        self._leaving = leaving
        self._endpoint = endpoint
        self._account = endpoint_id(endpoint)
        self._call = call
        self._create = create
        self._limit = output_limit(call, endpoint.roles[call.role])
        self._point = call.resume
        """How far the reader is; ``None`` until the server has named the answer."""
        self._told = call.resume is not None
        """The caller knows how to resume or cancel the answer, or that it ended."""
        self._characters = call.resume.characters if call.resume else 0
        self._noted_at = float("-inf")
        self._too_old = False
        self._asked_anew = False
        self._decoder = BackgroundDecoder(self._limit)
        self._deadline = self._now() + endpoint.timeouts.first_token_seconds

    async def read(self) -> AsyncGenerator[str | ResumePoint | Finished, None]:
        """See ``bot.llm.port.Model.resumable``."""
        breaks = 0
        while True:
            before = self._point
            items = self._whole() if self._too_old else self._connection()
            try:
                with self._ended_unless_told():
                    async with contextlib.aclosing(items):
                        async for item in items:
                            self._told = self._told or not isinstance(item, str)
                            yield item
            except _TooOldError:
                self._too_old = True
                self._report("too old to be streamed")
            except ModelForgottenError:
                if self._characters or self._asked_anew or self._call.resume is not None:
                    raise
                self._point, self._too_old, self._asked_anew = None, False, True
                self._deadline = self._now() + self._endpoint.timeouts.first_token_seconds
                self._report("forgotten")
            except ModelError as error:
                breaks = breaks + 1 if self._point == before else 1
                cut = isinstance(error, ModelBrokenError) and not self._over
                if self._point is None or breaks > BREAKS or not cut:
                    await self._give_up()
                    raise
                self._report(type(error).__name__)
            else:
                return

    async def _connection(self) -> AsyncGenerator[str | ResumePoint | Finished, None]:
        """Read one connection to its end."""
        point = self._point
        self._decoder = BackgroundDecoder(self._limit, after=point.sequence_number if point else None)
        async with contextlib.AsyncExitStack() as stack:
            if point is None:
                reading, text = await self._begin(stack)
            else:
                reading, text = self._reading(await self._join(point, stack), stack), ""
            while True:
                self._characters += len(text)
                point = self._moved()
                if text:
                    yield text
                if point is not None:
                    yield point
                if reading.ended:
                    break
                text = await reading.next_read()
            finished = reading.finished()
            await reading.drain()
        yield self._signed(finished)

    async def _begin(self, stack: contextlib.AsyncExitStack) -> tuple[Reading, str]:
        """Ask for the answer; once the server has named it. A caller who leaves meanwhile does not stop the
        request, which the provider may have taken already: it would go on with an answer that nobody can end.
        """
        own = contextlib.AsyncExitStack()
        beginning = asyncio.create_task(self._begin_now(own), name="begin-answer")
        try:
            begun = await asyncio.shield(beginning)
        except asyncio.CancelledError:
            self._leave(self._end_unknown(beginning, own))
            raise
        except BaseException:
            await own.aclose()
            raise
        stack.push_async_exit(own)
        return begun

    async def _begin_now(self, stack: contextlib.AsyncExitStack) -> tuple[Reading, str]:
        response = await self._create(self._call, stack, self._deadline, in_background=True)
        reading, text = self._reading(response, stack), ""
        while not (self._decoder.created or text or reading.ended):
            text = await reading.next_read()
        return reading, text

    def _reading(self, response: openai.AsyncAPIResponse[Any], stack: contextlib.AsyncExitStack) -> Reading:
        stack.push_async_callback(response.close)
        delivered = self._characters > 0
        timeouts = self._endpoint.timeouts
        return Reading(response, self._decoder, timeouts, self._deadline, delivered=delivered)

    @contextlib.contextmanager
    def _ended_unless_told(self) -> Iterator[None]:
        """A caller who leaves without the answer's id can neither resume nor cancel it."""
        try:
            yield
        except (asyncio.CancelledError, GeneratorExit):
            if self._point is not None and not self._told:
                self._leave(cancel_answer(self._client, self._point.response_id))
            raise

    def _leave(self, ending: Coroutine[Any, Any, None]) -> None:
        """Let something go on after ``read`` was closed."""
        task = asyncio.create_task(ending, name="end-answer")
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _end_unknown(
        self, beginning: asyncio.Task[tuple[Reading, str]], stack: contextlib.AsyncExitStack
    ) -> None:
        """Cancel an answer that its caller left before it had a name."""
        try:
            async with stack, asyncio.timeout(HEAD_SECONDS):
                await beginning
        except (ModelError, TimeoutError, *VENDOR_ERRORS) as error:
            log.info("model.not_cancelled", turn=self._call.turn_id, error=type(error).__name__)
        if self._decoder.response_id and not self._decoder.closed:
            await cancel_answer(self._client, self._decoder.response_id)

    async def _whole(self) -> AsyncGenerator[str | ResumePoint | Finished, None]:
        """Wait for the end of an answer that cannot be streamed; the text the reader lacks, then the end."""
        until = self._now() + POLLING_SECONDS
        while (response := await self._look()).get("status") in {"queued", "in_progress"}:
            if self._now() > until:
                raise ModelUnavailableError(f"an old answer was not complete in {POLLING_SECONDS:g} s")
            await asyncio.sleep(POLL_SECONDS)
        if response.get("status") == "cancelled":
            raise ModelForgottenError("the answer to be resumed was cancelled")
        text, refused = _text_of(response)
        decoder = self._decoder = BackgroundDecoder(self._limit)
        decoder.refused = refused
        end = {"type": f"response.{response.get('status')}", "response": response}
        decoder.feed(b"data: %b\n\n" % orjson.dumps(end))
        request = f"response {response.get('id')}"
        if decoder.failure is not None:
            raise error_from_failure(decoder.failure, request_id=request)
        if decoder.finish is None:
            raise ModelUnavailableError(f"an answer without a status we know, {request}")
        if decoder.finish is FinishReason.FILTERED and not text:
            raise ModelRefusedError(f"the model refused, {request}")
        if rest := text[self._characters :]:
            self._characters = len(text)
            yield rest
        yield self._signed(Finished(decoder.finish, decoder.usage))

    async def _join(
        self, point: ResumePoint, stack: contextlib.AsyncExitStack
    ) -> openai.AsyncAPIResponse[Any]:
        """The events after ``point``."""
        fetch = self._client.responses.with_streaming_response.retrieve
        return await self._fetched(
            lambda: stack.enter_async_context(
                fetch(
                    point.response_id,
                    stream=True,
                    starting_after=point.sequence_number,
                    include_obfuscation=False,
                )
            )
        )

    async def _look(self) -> dict[str, Any]:
        """The answer as it stands."""
        response_id = self._point.response_id if self._point else ""
        fetch = self._client.responses.with_raw_response.retrieve
        try:
            raw = await self._fetched(lambda: fetch(response_id))
        except _TooOldError:
            raise ModelForgottenError("the answer to be resumed is no longer kept") from None
        return dict(orjson.loads(raw.content))

    async def _fetched(self, fetch: Callable[[], Awaitable[_T]]) -> _T:
        """What a ``GET`` of the answer gives, after a few attempts if need be."""
        async for attempt in retrying(
            JOINING, on=_repeatable, name="model.join", turn_id=self._call.turn_id, call=self._call.name
        ):
            with attempt:
                try:
                    async with asyncio.timeout(HEAD_SECONDS):
                        return await fetch()
                except openai.NotFoundError as error:
                    raise ModelForgottenError("the answer to be resumed is no longer kept") from error
                except openai.BadRequestError as error:
                    raise _TooOldError from error
                except TimeoutError:
                    raise ModelUnavailableError("the model server did not answer in time") from None
                except VENDOR_ERRORS as error:
                    raise error_from_exception(error, stream_began=False) from error
        raise AssertionError("unreachable: the last error is raised")

    def _moved(self) -> ResumePoint | None:
        """Note how far the reader is; the point, if it is time to tell."""
        decoder = self._decoder
        response_id = decoder.response_id or (self._point.response_id if self._point else "")
        if not response_id or decoder.sequence_number is None:
            return None
        point = ResumePoint(self._account, response_id, decoder.sequence_number, self._characters)
        if point == self._point:
            return None
        self._point = point
        if self._now() - self._noted_at < POINT_SECONDS:
            return None
        self._noted_at = self._now()
        return point

    @property
    def _over(self) -> bool:
        """The provider itself has said how the answer failed."""
        failure = self._decoder.failure
        return failure is not None and failure.code not in {MALFORMED_EVENT, OVERSIZED_EVENT}

    async def _give_up(self) -> None:
        """The error goes to the caller, who asks anew: nobody will read on here."""
        if self._point is not None and not self._over:
            await cancel_answer(self._client, self._point.response_id)

    def _signed(self, finished: Finished) -> Finished:
        return replace(finished, model=self._endpoint.roles[self._call.role].model)

    def _report(self, reason: str) -> None:
        log.warning("model.rejoined", turn=self._call.turn_id, call=self._call.name, reason=reason)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


async def cancel_answer(client: openai.AsyncOpenAI, response_id: str) -> None:
    """See ``bot.llm.port.Model.cancel``."""
    try:
        async with asyncio.timeout(CANCEL_SECONDS):
            await client.responses.with_raw_response.cancel(response_id)
    except (TimeoutError, *VENDOR_ERRORS) as error:
        log.info("model.not_cancelled", response=response_id, error=type(error).__name__)


class _TooOldError(Exception):
    """The server no longer streams the answer."""


def _repeatable(error: BaseException) -> bool:
    return isinstance(error, ModelError) and error.retryable and not isinstance(error, ModelForgottenError)


def _text_of(response: Mapping[str, Any]) -> tuple[str, bool]:
    """The text of a whole answer, and whether the model refused."""
    parts = [part for item in response.get("output") or () for part in item.get("content") or ()]
    text = "".join(str(part.get("text") or "") for part in parts if part.get("type") == "output_text")
    return text, any(part.get("type") == "refusal" for part in parts)
