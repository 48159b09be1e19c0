"""The languages an answer may be written in, beside English.

The model writes its prose in them; what we print (headings, labels, likelihoods, dates) stays English, and so
do the rules of wording, but for the words of likelihood here. All are written in Latin letters: of other
scripts only the glossary's terms are shown (``bot.assessment.characters``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bot.assessment.rewording import Rewording, rewordings

__all__ = ["LANGUAGES", "Language", "instruction_in", "language_notice"]


@dataclass(frozen=True, slots=True)
class Language:
    """One of them."""

    code: str
    """ISO 639-1."""
    name: str
    """In English."""
    native: str
    likelihoods: tuple[Rewording, ...]
    """Words of likelihood, and what is shown for them: the likelihood itself is printed by us."""


def _language(code: str, name: str, native: str, *table: tuple[str, str]) -> Language:
    return Language(code, name, native, rewordings(table))


_ALL = (
    _language(
        "de",
        "German",
        "Deutsch",
        (r"\b(?:sehr |höchst |äußerst |eher )?unwahrscheinlich\b", "fraglich"),
        (r"\b(?:sehr |höchst |äußerst |eher )?unwahrscheinlich(e[mnrs]?)\b", r"fraglich\1"),
        (r"\b(?:sehr |höchst|äußerst )?(?:wahrscheinlich|voraussichtlich|vermutlich)\b", "womöglich"),
        (
            r"\b(?:sehr |höchst |äußerst )?(?:wahrscheinlich|voraussichtlich|vermutlich)(e[mnrs]?)\b",
            r"denkbar\1",
        ),
        (r"\bWahrscheinlichkeit\b", "Aussicht"),
        (r"\b(?:mit Sicherheit|zweifellos|zweifelsohne|unweigerlich) ?\b", ""),
    ),
    _language(
        "fr",
        "French",
        "Français",
        (r"\b(?:très |fort )?(?:improbable|invraisemblable)(s?)\b", r"incertain\1"),
        (r"\b(?:très |fort )?(?:probablement|vraisemblablement)\b", "peut-être"),
        (r"\b(?:très |fort )?(?:probable|vraisemblable)(s?)\b", r"plausible\1"),
        (r"\b(?:probabilité|vraisemblance)\b", "perspective"),
        (r"\b(?:certainement|sans aucun doute|inévitablement) ?\b", ""),
    ),
    _language(
        "es",
        "Spanish",
        "Español",
        (r"\b(?:muy |poco )?improbable(s?)\b", r"dudoso\1"),
        (r"\b(?:muy )?probablemente\b", "quizá"),
        (r"\b(?:muy |poco )?probable(s?)\b", r"plausible\1"),
        (r"\bprobabilidad\b", "perspectiva"),
        (r"\b(?:sin duda|seguramente|inevitablemente|con certeza) ?\b", ""),
    ),
    _language(
        "it",
        "Italian",
        "Italiano",
        (r"\b(?:molto |poco )?improbabil(?:e|i)\b", "in dubbio"),
        (r"\b(?:molto )?probabilmente\b", "forse"),
        (r"\b(?:molto |poco )?probabil(e|i)\b", r"plausibil\1"),
        (r"\bprobabilità\b", "prospettiva"),
        (r"\b(?:senza dubbio|sicuramente|inevitabilmente|certamente) ?\b", ""),
    ),
    _language(
        "pt",
        "Portuguese",
        "Português",
        (r"\b(?:muito |pouco )?improvável\b", "duvidoso"),
        (r"\b(?:muito )?provavelmente\b", "talvez"),
        (r"\b(?:muito |pouco )?provável\b", "plausível"),
        (r"\bprobabilidade\b", "perspetiva"),
        (r"\b(?:sem dúvida|certamente|inevitavelmente|com certeza) ?\b", ""),
    ),
    _language(
        "nl",
        "Dutch",
        "Nederlands",
        (r"\b(?:zeer |heel )?onwaarschijnlijk(e?)\b", r"twijfelachtig\1"),
        (r"\b(?:zeer |heel |hoogst)?waarschijnlijk\b", "mogelijk"),
        (r"\b(?:zeer |heel )?waarschijnlijke\b", "mogelijke"),
        (r"\bwaarschijnlijkheid\b", "vooruitzicht"),
        (r"\b(?:ongetwijfeld|zonder twijfel|onvermijdelijk) ?\b", ""),
    ),
)

LANGUAGES: Mapping[str, Language] = MappingProxyType({language.code: language for language in _ALL})
"""By code."""


def instruction_in(language: Language) -> str:
    """What every call of an answer is told."""
    return (
        f"Write in {language.name} ({language.native}) whatever is prose: sentences, bullets, labels, titles "
        "of lettered parts, and the texts inside JSON. Ids, JSON keys and words chosen from a list stay as "
        "they are; counterparty, stance, question_does, question_or and forecasts stay English, because they "
        f"are printed inside English sentences. The rules of the house hold in {language.name} as well: no "
        "words of likelihood, no percentages of an outcome, no degrees of confidence."
    )


def language_notice(language: Language) -> str:
    """What a reader must know of such an answer."""
    return (
        f"Written in {language.name}, as the person who asked has chosen. Headings, likelihoods and what "
        "stands around the text are English, and the checks know English wording only: some can fail wrongly."
    )
