"""What people write to the bot that asks nothing: a greeting, thanks, an emoji, "help", "stop".

An assessment of "hi" costs as much as one of a war. Only whole messages count: in "Hi, what follows from the
truce?" the greeting is a courtesy.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from personas.wording import folded, normalised

__all__ = ["SmallTalk", "small_talk"]


class SmallTalk(StrEnum):
    """What is meant."""

    NOTHING = "nothing"
    """A courtesy, or no words at all."""
    HELP = "help"
    DESK = "desk"
    """Who is there."""
    STOP = "stop"


_SHORTCODE: Final = re.compile(r":[a-z0-9_+'-]+:(?::skin-tone-[2-6]:)?")
"""An emoji as Slack writes it in a message's text."""

_WORDS: Final = {
    SmallTalk.HELP: "help; help me; help please; hilfe; aide; ayuda; how to ask; how do i ask; usage; "
    "commands; what can you do; how does this work; помощь; 帮助; ヘルプ; मदद",
    SmallTalk.DESK: "list; desk; the desk; who is there; who is on the desk; list agents; agents",
    SmallTalk.STOP: "stop; stop it; please stop; stop please; cancel; cancel it; abort; halt; stopp; "
    "стоп; 停止",
    SmallTalk.NOTHING: "hi; hello; hey; hi there; hello there; good morning; good afternoon; good evening; "
    "morning; hallo; guten morgen; bonjour; salut; hola; buenos dias; ciao; привет; 你好; こんにちは; "
    "नमस्ते; مرحبا; please; thanks; thank you; thank you very much; many thanks; thanks a lot; thx; ty; "
    "thanks so much; cheers; danke; vielen dank; merci; gracias; grazie; спасибо; 谢谢; ありがとう; "
    "धन्यवाद; شكرا; ok; okay; great; ok great; great thanks; perfect; nice; cool; got it; noted; test; "
    "testing; ping; are you there",
}
"""Phrases of the kinds, as ``small_talk`` folds them, with semicolons."""
_MEANING: Final = {phrase.strip(): kind for kind, text in _WORDS.items() for phrase in text.split(";")}


def small_talk(text: str) -> SmallTalk | None:
    """What a whole message means beside a question; ``None`` for whatever may be one, and for no text."""
    if not text.strip():
        return None
    words = folded(normalised(_SHORTCODE.sub(" ", text)))
    bare = " ".join("".join(" " if _separates(letter) else letter for letter in words).split())
    if bare:
        return _MEANING.get(bare)
    return SmallTalk.HELP if set(words) & set("?？") else SmallTalk.NOTHING


def _separates(letter: str) -> bool:
    """Punctuation, blanks and emoji; the vowel signs of Hindi belong to its words."""
    return not letter.isalnum() and not "\u0900" <= letter <= "\u0dff"
