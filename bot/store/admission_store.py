"""Who may ask, how often and for how much: counted in Redis, shared by all replicas.

One hash tag for all keys, ``assess:{admission}:<what>``: a decision looks at the user's, the workspace's and
the whole installation's numbers in one step, and a few sorted sets of turn ids are small enough for one node.

A turn holds *places* (its user's, its workspace's) from admission to its end and a *seat* (of the ceiling for
all) while it is worked on. Both are leases: a turn nobody works on any more loses them by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from redis.asyncio import Redis

from bot.store import admission_scripts as scripts
from bot.store.errors import translated
from bot.store.keys import PREFIX, SEEN_SECONDS
from bot.turns import Turn

__all__ = [
    "AdmissionKeys",
    "AdmissionPolicy",
    "AdmissionStore",
    "AdmissionTimes",
    "Admitted",
    "Reason",
    "Refused",
    "UsageToday",
]

DECISION_SECONDS = SEEN_SECONDS
"""How long a message gets the same answer: as long as it cannot start a second turn."""

HOUR_SECONDS = 3_600.0
DAY_SECONDS = 86_400.0
MICRO = 1_000_000
"""Microseconds in a second, and micro-units of money in a dollar or euro."""
UNLIMITED = -1
UNPRICED = -1

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Reason(StrEnum):
    """Which limit refused a turn."""

    USER_AT_ONCE = "user_at_once"
    USER_HOUR = "user_hour"
    WORKSPACE_AT_ONCE = "workspace_at_once"
    WORKSPACE_HOUR = "workspace_hour"
    TOKENS_DAY = "tokens_day"
    MONEY_DAY = "money_day"


@dataclass(frozen=True, slots=True)
class AdmissionPolicy:
    """The limits; None: none. Raises ``ValueError`` for a limit that would let nobody in.

    Budgets are looked at when a turn begins and charged while it runs, so a day may end above its budget by
    what the turns then running use: at most ``per_workspace_at_once`` of them.
    """

    per_user_at_once: int | None = 3
    """Turns. Somebody reads one answer at a time; three compare countries, and one person cannot take all
    places of a workspace."""
    per_user_hour: int | None = 20
    """Turns in any 60 minutes: one each 3 minutes, several times faster than anybody reads an assessment."""
    per_workspace_at_once: int | None = 20
    """Turns. Slack lets an app start 20 streams a minute in a workspace, and shares 100 appends a minute
    among all streams: beyond 20 a reader waits more than 12 s for the next words."""
    per_workspace_hour: int | None = 100
    """Turns in any 60 minutes: a desk of 20 analysts, five questions each."""
    workspace_tokens_day: int | None = 20_000_000
    """Tokens read and written, cached ones included, in a day (UTC): about 250 assessments of 80,000 (ten
    calls with a context of 6,000, and 20,000 written and thought)."""
    workspace_money_day: Decimal | None = Decimal(50)
    """Units of ``currency`` a day (UTC): about 200 assessments of 0.25 dollars with the default model."""
    currency: str = "USD"
    global_at_once: int | None = 50
    """Turns of all workspaces that are worked on at once; the others wait in line. 50 turns of 8 calls are
    400 model streams, what two processes of one core carry (200 each at 60 tokens/s)."""

    @property
    def unlimited(self) -> bool:
        """Whether there is no limit at all."""
        limits = (self.workspace_tokens_day, self.workspace_money_day, self.global_at_once)
        hours = (self.per_user_hour, self.per_workspace_hour)
        at_once = (self.per_user_at_once, self.per_workspace_at_once)
        return all(limit is None for limit in (*limits, *hours, *at_once))

    def __post_init__(self) -> None:
        for name in ("per_user_at_once", "per_user_hour", "per_workspace_at_once", "per_workspace_hour"):
            _check(name, getattr(self, name), least=1)
        _check("workspace_tokens_day", self.workspace_tokens_day, least=1)
        _check("workspace_money_day", self.workspace_money_day, least=Decimal(1) / MICRO)
        _check("global_at_once", self.global_at_once, least=1)


def _check(name: str, limit: int | Decimal | None, *, least: int | Decimal) -> None:
    if limit is not None and limit < least:
        raise ValueError(f"{name} must be at least {least}, or None for no limit")


@dataclass(frozen=True, slots=True)
class AdmissionTimes:
    """Lengths in seconds. Tests shorten them; an installation has no reason to."""

    window: float = HOUR_SECONDS
    """The sliding window of the limits an hour."""
    day: float = DAY_SECONDS
    """Days begin at multiples of this since 1970: at 00:00 UTC."""
    wait: float = 600.0
    """How long a turn that no worker has taken yet keeps its places and its position: queues are shorter, and
    a question lost between admission and queue does not lock its person out for long. A worker's word
    brings both back."""
    held: float = 60.0
    """How long a turn keeps places and seat after its worker's last word: an outage of Redis of 30 s and a
    take-over within 15 s do not cost them."""
    keep: float = 15.0
    """Pause between two words of a worker: three may be lost."""
    asks: float = 10.0
    """How long a waiting turn whose worker fell silent holds up those behind it: one lease."""
    poll: float = 1.0
    """Pause between two looks at the line; a position a second old is current to a reader."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """The turn may be queued. Said of every delivery of the same message, and counted once."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The turn must not be queued. Said of every delivery of the same message."""

    reason: Reason
    retry_at: datetime | None
    """When the limit lets the next one in; None: as soon as a running turn ends."""


@dataclass(frozen=True, slots=True)
class UsageToday:
    """What a workspace used since 00:00 UTC."""

    day_ends_at: datetime
    turns: int
    """Taken in today."""
    refused: int
    at_once: int
    """Running or waiting now."""
    last_hour: int
    """Taken in within the last 60 minutes."""
    tokens: int
    money: Decimal
    """In the policy's currency, without the tokens that have no price."""
    unpriced_tokens: int


@dataclass(frozen=True, slots=True)
class AdmissionKeys:
    """Every key of admission; each expires by itself, at the latest ``DECISION_SECONDS`` after its last
    use.
    """

    prefix: str = PREFIX

    def _key(self, what: str) -> str:
        return f"{self.prefix}:{{admission}}:{what}"

    def turn(self, turn_id: str) -> str:
        """Hash: ``verdict``, ``retry_at``, ``arrived``, ``over``, ``charged:<name>``."""
        return self._key(f"turn:{turn_id}")

    def user_places(self, team_id: str, user_id: str) -> str:
        """Sorted set: a user's turns by the time their places expire."""
        return self._key(f"{team_id}:{user_id}:places")

    def user_hour(self, team_id: str, user_id: str) -> str:
        """Sorted set: a user's turns of the last hour by the time they were taken in."""
        return self._key(f"{team_id}:{user_id}:hour")

    def team_places(self, team_id: str) -> str:
        """As ``user_places``, of a workspace."""
        return self._key(f"{team_id}:places")

    def team_hour(self, team_id: str) -> str:
        """As ``user_hour``, of a workspace."""
        return self._key(f"{team_id}:hour")

    def day(self, team_id: str) -> str:
        """Hash: ``day``, ``tokens``, ``money`` (micro-units), ``unpriced``, ``turns``, ``refused``."""
        return self._key(f"{team_id}:day")

    @property
    def line(self) -> str:
        """Sorted set: turns without a seat by the time they arrived."""
        return self._key("line")

    @property
    def ready(self) -> str:
        """Those of the line that a worker asks for, in the same order."""
        return self._key("ready")

    @property
    def alive(self) -> str:
        """Those of the line by the time they drop out of it, unless somebody asks for them."""
        return self._key("alive")

    @property
    def seats(self) -> str:
        """Sorted set: turns that are worked on by the time their seats expire."""
        return self._key("seats")


class AdmissionStore:
    """Counts turns and what they use. Every method raises ``StoreUnavailableError`` when Redis is away."""

    def __init__(
        self,
        redis: Redis,
        policy: AdmissionPolicy,
        *,
        times: AdmissionTimes | None = None,
        prefix: str = PREFIX,
    ) -> None:
        self.policy = policy
        self.times = times or AdmissionTimes()
        self._keys = AdmissionKeys(prefix)
        self._admit = redis.register_script(scripts.ADMIT)
        self._hold = redis.register_script(scripts.HOLD)
        self._position = redis.register_script(scripts.POSITION)
        self._settle = redis.register_script(scripts.SETTLE)
        self._today = redis.register_script(scripts.TODAY)

    async def admit(self, turn: Turn, *, pressed: bool = False) -> Admitted | Refused:
        """Decide whether the turn may be queued, and count it; the same answer to every delivery.

        ``pressed``: a person asks by a button, which Slack delivers once and which always means the same
        turn: an earlier refusal is decided anew.
        """
        keys, policy, times = self._keys, self.policy, self.times
        money = None if policy.workspace_money_day is None else int(policy.workspace_money_day * MICRO)
        limits = (
            policy.per_user_at_once,
            policy.per_workspace_at_once,
            policy.per_user_hour,
            policy.per_workspace_hour,
            policy.workspace_tokens_day,
            money,
        )
        with translated(f"admit turn {turn.turn_id}"):
            verdict, retry_at = await self._admit(
                keys=[
                    keys.turn(turn.turn_id),
                    *self._places(turn),
                    *self._hours(turn),
                    keys.day(turn.team_id),
                    keys.line,
                    keys.ready,
                    keys.alive,
                ],
                args=[
                    turn.turn_id,
                    *(_limit(limit) for limit in limits),
                    *(_micro(seconds) for seconds in (times.window, times.day, times.wait)),
                    DECISION_SECONDS,
                    int(pressed),
                ],
            )
        if verdict == "admitted":
            return Admitted()
        return Refused(Reason(verdict), _moment(retry_at) if retry_at else None)

    async def hold(self, turn: Turn) -> int | None:
        """Say that a worker has this turn; to be repeated every ``times.keep`` seconds, or ``times.poll`` in
        line.

        Returns None with a seat, else the turn's position in line from 1. A turn that is over holds nothing.
        """
        keys, times = self._keys, self.times
        with translated(f"hold turn {turn.turn_id}"):
            position = await self._hold(
                keys=[keys.turn(turn.turn_id), *self._places(turn), *self._line(), keys.seats],
                args=[
                    turn.turn_id,
                    _limit(self.policy.global_at_once),
                    *(_micro(seconds) for seconds in (times.held, times.asks, times.wait)),
                    DECISION_SECONDS,
                ],
            )
        return int(position) or None

    async def position(self, turn: Turn) -> int | None:
        """The turn's position in line from 1; None: it does not wait (it has a seat, could take one, or is
        over).
        """
        times = self.times
        with translated(f"position of turn {turn.turn_id}"):
            position = await self._position(
                keys=[*self._line(), self._keys.seats],
                args=[
                    turn.turn_id,
                    _limit(self.policy.global_at_once),
                    _micro(times.held),
                    _micro(times.wait),
                ],
            )
        return int(position) or None

    async def charge(
        self, turn: Turn, *, name: str, tokens: int, micro_money: int | None, over: bool = False
    ) -> None:
        """Add to the day's budget, once for each ``name`` within the turn. ``micro_money``: None without a
        price. ``over``: the turn has ended, too.
        """
        await self._end(turn, name, tokens, micro_money, over=over)

    async def free(self, turn: Turn, *, forgive: bool = False) -> None:
        """The turn has ended: its places and its seat are free. ``forgive``: it does not count in the
        hour.
        """
        await self._end(turn, "", 0, None, over=True, forgive=forgive)

    async def _end(
        self,
        turn: Turn,
        name: str,
        tokens: int,
        micro_money: int | None,
        *,
        over: bool,
        forgive: bool = False,
    ) -> None:
        keys = self._keys
        with translated(f"settle turn {turn.turn_id}"):
            await self._settle(
                keys=[
                    keys.turn(turn.turn_id),
                    keys.day(turn.team_id),
                    *self._places(turn),
                    *self._line(),
                    keys.seats,
                    *self._hours(turn),
                ],
                args=[
                    turn.turn_id,
                    name,
                    tokens,
                    UNPRICED if micro_money is None else micro_money,
                    int(over),
                    int(forgive),
                    _micro(self.times.day),
                    DECISION_SECONDS,
                ],
            )

    async def usage_today(self, team_id: str) -> UsageToday:
        """What a workspace used since its day began."""
        keys, times = self._keys, self.times
        with translated(f"usage of {team_id}"):
            day, tokens, money, unpriced, turns, refused, at_once, last_hour = await self._today(
                keys=[keys.day(team_id), keys.team_places(team_id), keys.team_hour(team_id)],
                args=[_micro(seconds) for seconds in (times.day, times.wait, times.window)],
            )
        return UsageToday(
            day_ends_at=EPOCH + timedelta(seconds=(day + 1) * times.day),
            turns=turns,
            refused=refused,
            at_once=at_once,
            last_hour=last_hour,
            tokens=tokens,
            money=Decimal(money) / MICRO,
            unpriced_tokens=unpriced,
        )

    def _places(self, turn: Turn) -> tuple[str, str]:
        keys = self._keys
        return keys.user_places(turn.team_id, turn.user_id), keys.team_places(turn.team_id)

    def _hours(self, turn: Turn) -> tuple[str, str]:
        keys = self._keys
        return keys.user_hour(turn.team_id, turn.user_id), keys.team_hour(turn.team_id)

    def _line(self) -> tuple[str, str, str]:
        return self._keys.line, self._keys.ready, self._keys.alive


def _limit(limit: int | None) -> int:
    return UNLIMITED if limit is None else limit


def _micro(seconds: float) -> int:
    return round(seconds * MICRO)


def _moment(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)
