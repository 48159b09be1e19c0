"""Every Redis key of the app, and how long each lives.

Turns are kept by app: ``assess:<app>:…`` (``app_prefix``). What limits calls and questions is counted across
apps and begins with ``assess:`` alone.

Keys of one thread share a hash tag, so that one Lua script may touch them together on a cluster too:
``…:{team:channel:thread}:<what>``. Keys that are not a thread's stand alone in their scripts.
The queue's own keys (docket's) begin with the queue's name and are not listed here.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "ASKINGS_SECONDS",
    "CHOICES_SECONDS",
    "FEEDBACK_SECONDS",
    "FINISHED_WORK_SECONDS",
    "INBOX_SECONDS",
    "MESSAGE_SECONDS",
    "NEWS_SECONDS",
    "NOTICE_SECONDS",
    "OFFER_SECONDS",
    "PREFIX",
    "RECORD_SECONDS",
    "SEEN_SECONDS",
    "SETTLE_SECONDS",
    "SWEEP_SECONDS",
    "BriefingKeys",
    "Keys",
    "ThreadKeys",
    "app_prefix",
]

PREFIX = "assess"

HOUR_SECONDS = 3_600
DAY_SECONDS = 24 * HOUR_SECONDS

SEEN_SECONDS = 2 * DAY_SECONDS
"""How long a message cannot start a second turn. Slack delivers again at once, after 1 and after 5
minutes, and with delayed events switched on every hour for 24 hours more (Events API documentation): twice
that."""

INBOX_SECONDS = 2 * DAY_SECONDS
"""How long a thread's waiting turns, and who works on them, outlive the last touch: as long as
``SEEN_SECONDS``, so that a turn is not forgotten while its message is still remembered as taken."""

RECORD_SECONDS = 7 * DAY_SECONDS
"""How long a turn's question and journal outlive the last write: a week is how long "Ask again", "Try
again" and "Stop" on an old message still find their turn."""

FINISHED_WORK_SECONDS = DAY_SECONDS
"""How long checkpoints and document, the bulk of a record (about 100 kB), outlive the turn's end: a retry the
next morning does not pay again for finished sections."""

MESSAGE_SECONDS = RECORD_SECONDS
"""How long a Slack message leads to its turn: no longer than the record it leads to."""

ASKINGS_SECONDS = RECORD_SECONDS
"""How long repetitions of one question are counted: while its buttons work."""

OFFER_SECONDS = DAY_SECONDS
"""How long a changed question can be asked by its button: the message with the button is ephemeral and gone
with the person's session."""

NOTICE_SECONDS = SEEN_SECONDS
"""How long a private notice is not repeated for one message: as long as Slack may deliver it again."""

SETTLE_SECONDS = 0.1
"""How long a thread whose first waiting turn is a reply waits before it is begun: mentions that were written
within moments of each other come over several connections, replicas and events, in any order, a few
milliseconds apart. Nobody notices a tenth of a second, and each thread begins with a mention that does not
wait."""

FEEDBACK_SECONDS = 400 * DAY_SECONDS
"""How long a month's thumbs are counted: a year, and a month to look back on it."""

CHOICES_SECONDS = 400 * DAY_SECONDS
"""How long what people chose on their home tab outlives its last use: who asks once a year finds it again."""

NEWS_SECONDS = 14 * DAY_SECONDS
"""How long a collected document, and what is known of its source, is kept: an older one is no news, and
an answer that rests on it has to say so."""

SWEEP_SECONDS = 60
"""How often, in seconds, the replicas together look for threads that nobody works on."""


def app_prefix(app_id: str, prefix: str = PREFIX) -> str:
    """What the keys of one Slack app's turns begin with."""
    return f"{prefix}:{app_id}"


@dataclass(frozen=True, slots=True)
class ThreadKeys:
    """The keys of one thread. ``address`` is ``team:channel:thread``: Slack ids hold no colon."""

    prefix: str
    address: str

    def _key(self, what: str) -> str:
        return f"{self.prefix}:{{{self.address}}}:{what}"

    @property
    def inbox(self) -> str:
        """Sorted set of turn ids by the microsecond they were asked in; one that was begun has 0, so that it
        stays the first.
        """
        return self._key("inbox")

    @property
    def settling(self) -> str:
        """Marker: a reply came a moment ago, and an older one may be on its way."""
        return self._key("settling")

    @property
    def lane(self) -> str:
        """Key of the queue job that works on the inbox; absent when the inbox is empty."""
        return self._key("lane")

    @property
    def running(self) -> str:
        """Id of the turn that is being answered."""
        return self._key("running")

    @property
    def words(self) -> str:
        """Hash: what people wrote in the thread, by ts (``bot.store.thread_store``)."""
        return self._key("words")

    @property
    def exchanges(self) -> str:
        """Hash: questions and answers as JSON, by turn id."""
        return self._key("exchanges")

    @property
    def assessments(self) -> str:
        """Hash: assessments as JSON, without anybody's words, by turn id."""
        return self._key("assessments")

    def reasons(self, turn_id: str) -> str:
        """Hash: why people pressed a thumb under an answer, by a digest of who."""
        return self._key(f"{turn_id}:reasons")

    def seen(self, turn_id: str) -> str:
        """Marker: this turn was taken."""
        return self._key(f"seen:{turn_id}")

    def record(self, turn_id: str) -> str:
        """Hash: ``turn``, ``fence``, ``attempts``, ``state``, ``stopped_by``, ``card_ts``, ``m:<number>``
        …
        """
        return self._key(f"{turn_id}:record")

    def checkpoints(self, turn_id: str) -> str:
        """Hash: checkpoint key to JSON."""
        return self._key(f"{turn_id}:checkpoints")

    def document(self, turn_id: str) -> str:
        """String: the rendered text."""
        return self._key(f"{turn_id}:document")


@dataclass(frozen=True, slots=True)
class Keys:
    """All keys of one app, of all apps, or of one test: they differ in ``prefix``."""

    prefix: str = PREFIX

    def thread(self, address: str) -> ThreadKeys:
        """Keys of the thread at ``team:channel:thread``."""
        return ThreadKeys(self.prefix, address)

    def address_of(self, turn_id: str) -> str:
        """String: the address of a turn's thread."""
        return f"{self.prefix}:address:{turn_id}"

    def message(self, team_id: str, channel: str, message_ts: str) -> str:
        """String: id of the turn that a message of ours belongs to."""
        return f"{self.prefix}:{{{team_id}:{channel}:{message_ts}}}:turn"

    def askings(self, team_id: str, channel: str, message_ts: str) -> str:
        """Counter: how often the question in a message was asked again."""
        return f"{self.prefix}:{{{team_id}:{channel}:{message_ts}}}:askings"

    def filed(self, team_id: str, channel: str, persona: str) -> str:
        """Sorted set: ``<address> <turn id>`` of a persona's assessments in a channel, by when they were
        asked for.
        """
        return f"{self.prefix}:filed:{team_id}:{channel}:{persona}"

    def feedback(self, persona: str, month: str) -> str:
        """Hash: ``up`` or ``down`` by turn and a digest of who pressed, for one persona and month."""
        return f"{self.prefix}:feedback:{persona}:{month}"

    def choices(self, team_id: str, user_id: str) -> str:
        """Hash: what a person chose for their own questions, ``depth`` and ``language``; and the channels
        whose agent they chose, as ``channel:<id>`` with when.
        """
        return f"{self.prefix}:choices:{team_id}:{user_id}"

    def channel_agent(self, team_id: str, channel: str) -> str:
        """String: code of the persona that a channel's questions ask where they name nobody."""
        return f"{self.prefix}:agent:{team_id}:{channel}"

    def asked_by(self, team_id: str, user_id: str) -> str:
        """Sorted set: a person's turns by when they were asked."""
        return f"{self.prefix}:asked:{team_id}:{user_id}"

    def offer(self, turn_id: str) -> str:
        """String: JSON of a turn that waits for a press of its button."""
        return f"{self.prefix}:offer:{turn_id}"

    def notice(self, team_id: str, channel: str, about: str) -> str:
        """Marker: the person was told about this message."""
        return f"{self.prefix}:{{{team_id}:{channel}:{about}}}:notice"

    @property
    def open_threads(self) -> str:
        """Sorted set: address of each thread that may have waiting turns, by the time of its last turn."""
        return f"{self.prefix}:open-threads"

    @property
    def parked(self) -> str:
        """Sorted set: id of each turn that was given up, by the time of that."""
        return f"{self.prefix}:parked"

    @property
    def sweeper(self) -> str:
        """Marker: a replica swept less than ``SWEEP_SECONDS`` ago."""
        return f"{self.prefix}:sweeper"

    @property
    def stops(self) -> str:
        """Publish/subscribe channel: who stopped which turn."""
        return f"{self.prefix}:stops"

    def model_pause(self, account: str) -> str:
        """Marker: a model provider's account is paused; it lives as long as the pause."""
        return f"{self.prefix}:model-pause:{account}"

    def rate(self, app_id: str, team_id: str, method: str) -> str:
        """Beginning of the keys of one rate bucket; the governor adds ``:slots``, ``:state``,
        ``:channels``.
        """
        return f"{self.prefix}:rate:{{{app_id}:{team_id}:{method}}}"

    # The desk's memory of the news, shared by all workspaces. One hash tag: scripts touch several of these.

    def news_item(self, item_id: str) -> str:
        """String: JSON of a collected document."""
        return f"{self.prefix}:{{news}}:item:{item_id}"

    @property
    def news_items(self) -> str:
        """Sorted set: ids of collected documents by the time they were last written, Unix milliseconds."""
        return f"{self.prefix}:{{news}}:items"

    def news_title(self, fingerprint: str) -> str:
        """String: standing and id of the document that has a title like this."""
        return f"{self.prefix}:{{news}}:title:{fingerprint}"

    def news_source(self, source_id: str) -> str:
        """String: JSON of what is known of a source: validators, last success, failures, next time."""
        return f"{self.prefix}:{{news}}:source:{source_id}"

    def news_claim(self, source_id: str) -> str:
        """Marker: some process is fetching the source; its value is who."""
        return f"{self.prefix}:{{news}}:claim:{source_id}"

    @property
    def news_collector(self) -> str:
        """String: the process that collects for all."""
        return f"{self.prefix}:{{news}}:collector"


@dataclass(frozen=True, slots=True)
class BriefingKeys:
    """The keys of one app's briefings; they live 400 days after the last touch
    (``bot.store.briefing_store``).
    """

    prefix: str
    app_id: str

    def _key(self, what: str) -> str:
        return f"{self.prefix}:{{briefings:{self.app_id}}}:{what}"

    @property
    def timetable(self) -> str:
        """Sorted set: briefing id by when somebody must look at it."""
        return self._key("timetable")

    @property
    def dues(self) -> str:
        """Sorted set: briefing id by when its next run is due."""
        return self._key("dues")

    @property
    def all(self) -> str:
        """Set: the ids of all briefings, paused ones too."""
        return self._key("all")

    @property
    def preparations(self) -> str:
        """List: how long the last preparations took, in seconds, newest first."""
        return self._key("preparations")

    def briefing(self, briefing_id: str) -> str:
        """Hash: ``data``, ``revision``, ``due``."""
        return self._key(f"briefing:{briefing_id}")

    def reported(self, briefing_id: str) -> str:
        """List: what a briefing has told, as JSON, newest first."""
        return self._key(f"reported:{briefing_id}")

    def runs(self, briefing_id: str) -> str:
        """Sorted set: the times of a briefing's runs."""
        return self._key(f"runs:{briefing_id}")

    def run(self, briefing_id: str, due: str) -> str:
        """Hash: state, fence and receipt of one run."""
        return self._key(f"run:{briefing_id}:{due}")
