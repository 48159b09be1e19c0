"""A front without a worker: what handlers talk to, in a sandbox workspace, on a real Valkey."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from pydantic import SecretStr

from bot.admission import Admission
from bot.app import engine_of, policy_of
from bot.briefing_stack import Surroundings, briefings_of
from bot.briefings.open_points import RecordedPoints
from bot.choosing import Choosing
from bot.desk_threads import DeskThreads
from bot.doorkeeper import Doorkeeper, DoorPolicy
from bot.exporting import Exports
from bot.home import HomeTab
from bot.jobs import Queue
from bot.pane import AgentPane
from bot.prices import load_prices
from bot.reception import Reception
from bot.sandbox import Sandbox, WorkspaceConfig
from bot.settings import Settings
from bot.slack.api import SlackApi, slack_session
from bot.slack.private_words import PrivateWords
from bot.slack.receipts import Receipts
from bot.slack.uploads import Uploads
from bot.slack.ways_in import WaysIn
from bot.store.admission_store import AdmissionStore
from bot.store.briefing_store import BriefingStore
from bot.store.choice_store import ChoiceStore
from bot.store.connection import open_redis
from bot.store.feedback_store import FeedbackStore
from bot.store.governor import Governor
from bot.store.thread_store import ThreadStore
from bot.store.turn_store import TurnStore
from tests.support.desk import APP, BOT, PERSONAS, TEAM
from tests.support.valkey import RealValkey

__all__ = ["open_reception"]


@asynccontextmanager
async def open_reception(
    valkey: RealValkey,
    *,
    prefix: str,
    bound: str | None = None,
    door: DoorPolicy | None = None,
    **limits: int,
) -> AsyncIterator[tuple[Reception, Sandbox]]:
    """What handlers talk to, in a workspace, with a queue that nobody works on."""
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(Sandbox(WorkspaceConfig(rate_limits=False)))
        session = await stack.enter_async_context(slack_session())
        redis = open_redis(valkey.url)
        stack.push_async_callback(redis.aclose)
        store = TurnStore(redis, prefix=prefix)
        queue = await Queue.open(valkey.url, store=store, name=f"{prefix}-queue")
        stack.push_async_callback(queue.aclose)
        governor = Governor(redis, "A0", TEAM, {}, prefix=prefix)
        api = SlackApi(sandbox.workspace.app().bot_token, governor, session, base_url=sandbox.api_url)
        identity = await api.identity()
        admission = Admission(AdmissionStore(redis, policy_of(Settings()), prefix=prefix), load_prices())
        _, models = engine_of(Settings(model_key=SecretStr("nothing is asked")), None)
        stack.push_async_callback(models.aclose)
        threads = ThreadStore(redis, prefix=prefix)
        briefings = briefings_of(
            Surroundings(
                identity=identity,
                settings=Settings(),
                store=BriefingStore(redis, prefix=prefix),
                api=api,
                desk=PERSONAS,
                evidence=None,
                admission=admission,
                meter=models.meter,
                points=RecordedPoints(threads, identity.url),
                written=False,
            )
        )
        choosing = Choosing(ChoiceStore(redis, prefix=prefix), api, PERSONAS, BOT, identity.bot_user, bound)
        reception = Reception(
            app_id=APP,
            desk=PERSONAS,
            bot_user_id=BOT,
            bot_name=identity.bot_user,
            colleagues=frozenset({BOT}),
            threads=DeskThreads(threads),
            exports=Exports(Uploads(api, session), PrivateWords(session), PERSONAS),
            feedback=FeedbackStore(redis, prefix=prefix, words_days=7),
            door=Doorkeeper(WaysIn(api), door or DoorPolicy(strangers=True), scopes=identity.scopes),
            bound=bound,
            api=api,
            ways_in=WaysIn(api),
            words=PrivateWords(session),
            pane=AgentPane.of(identity, WaysIn(api), PERSONAS, bound),
            receipts=Receipts(api, store.running),
            queue=queue,
            store=store,
            admission=admission,
            office=briefings.office,
            home=HomeTab(WaysIn(api), store, briefings.office, choosing, PERSONAS, identity.url),
            choosing=choosing,
            question_limit=limits.get("question_limit", 4000),
            edit_window_seconds=limits.get("edit_window_seconds", 300),
        )
        yield reception, sandbox
