"""What the serving process and the evidence process say to each other, as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from bot.evidence.items import EvidenceItem, EvidenceRequest, Retrieved, SourceClass, SourceFailure
from bot.turns import Question, Quoted
from personas.persona import Persona

__all__ = ["EvidenceConfig", "Snapshot", "request_from", "request_to_json"]


@dataclass(frozen=True, slots=True)
class EvidenceConfig:
    """What the evidence process is told when it starts."""

    redis_url: str
    user_agent: str
    interval_seconds: float = 900.0
    loopback_allowed: bool = False
    owner: str = ""
    """Under this name sources are claimed: a process that follows on a dead one goes on with its claims."""
    collect: bool = True
    """False: only what questions need is fetched."""
    host_pause_seconds: float = 1.0
    fetch_seconds: float = 15.0
    """Longest time for one document: a source that takes longer is down."""
    key_prefix: str = "assess"
    log_level: str = "INFO"
    log_format: str = "text"

    def to_json(self) -> dict[str, Any]:
        """JSON-able form."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A retrieval at one moment, as the evidence process sees it: items newly ranked, not yet put behind what
    was already handed out.
    """

    retrieved: Retrieved
    enough: bool
    """What is there is worth beginning with."""
    over: bool

    def to_json(self) -> dict[str, Any]:
        """JSON-able form; dates by orjson's ISO 8601."""
        return {**asdict(self.retrieved), "enough": self.enough, "over": self.over}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Snapshot:
        """The inverse."""
        retrieved = Retrieved(
            items=tuple(_item(each) for each in data["items"]),
            queries=tuple(data["queries"]),
            sources_total=data["sources_total"],
            failures=tuple(SourceFailure(**each) for each in data["failures"]),
            stored_items=data["stored_items"],
            searching=data["searching"],
        )
        return cls(retrieved, data["enough"], data["over"])


def request_to_json(request: EvidenceRequest) -> dict[str, Any]:
    """A request without its personas, whom the other side knows by their codes."""
    return {
        "turn_id": request.turn_id,
        "persona": request.persona.code,
        "beside": [persona.code for persona in request.beside],
        "question": asdict(request.question),
        "as_of": request.as_of,
        "limit": request.limit,
        "extra_terms": list(request.extra_terms),
        "terms_follow": request.terms_follow,
        "rivals": request.rivals,
    }


def request_from(data: Mapping[str, Any], personas: Mapping[str, Persona]) -> EvidenceRequest:
    """The inverse. Raises ``KeyError`` for an unknown persona."""
    quoted: Sequence[Mapping[str, str]] = data["question"]["quoted"]
    return EvidenceRequest(
        turn_id=data["turn_id"],
        persona=personas[data["persona"]],
        question=Question(data["question"]["text"], tuple(Quoted(**each) for each in quoted)),
        as_of=datetime.fromisoformat(data["as_of"]),
        limit=data["limit"],
        extra_terms=tuple(data["extra_terms"]),
        terms_follow=data["terms_follow"],
        rivals=data["rivals"],
        beside=tuple(personas[code] for code in data["beside"]),
    )


def _item(data: Mapping[str, Any]) -> EvidenceItem:
    published = data["published_at"]
    return EvidenceItem(
        **{
            **data,
            "source_class": SourceClass(data["source_class"]),
            "retrieved_at": datetime.fromisoformat(data["retrieved_at"]),
            "published_at": datetime.fromisoformat(published) if published else None,
        }
    )
