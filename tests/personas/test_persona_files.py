"""The persona files that come with the package."""

from __future__ import annotations

import time
import tomllib
import unicodedata
from pathlib import Path

import pytest

import personas
from personas.loader import load_personas
from personas.persona import Persona
from personas.scripts import scripts_of

FOLDER = Path(personas.__file__).parent
DESK = load_personas()

MISATTRIBUTED = (
    "百战百胜",
    "interesting times",
    "危机",
    "let china sleep",
    "enemies closer",
    "кто с мечом",
    "нет человека",
    "два союзника",
    "enemy of my enemy",
    "अयं बन्धुरयं",
    "laws are like sausages",
    "si vis pacem",
    "permanent friends",
)
"""Lines that models and books give to the wrong author (analysis standard, 4.3)."""


def test_desk_starts_with_five_countries() -> None:
    """China, India, Japan, Russia and the United States are on the desk, ordered by code."""
    assert [persona.code for persona in DESK] == ["CN-01", "IN-01", "JP-01", "RU-01", "US-01"]


@pytest.mark.parametrize("persona", DESK, ids=lambda persona: persona.code)
def test_prose_is_typographic(persona: Persona) -> None:
    """No file mixes straight apostrophes with typographic ones: what is printed looks the same everywhere."""
    data = tomllib.loads((FOLDER / f"{persona.code.lower()}.toml").read_text(encoding="utf-8"))
    assert [text for text in _texts(data) if "'" in text] == []


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for inner in value.values() for text in _texts(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in _texts(inner)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("persona", DESK, ids=lambda persona: persona.code)
def test_persona_is_complete(persona: Persona) -> None:
    """Each has the pillars, glossary, epigraphs, sources and institutions that an assessment needs."""
    assert len(persona.pillars) == 3
    assert [term.id for term in persona.glossary] == [f"T{n}" for n in range(1, len(persona.glossary) + 1)]
    assert len(persona.epigraphs) >= 3
    assert len(persona.institutions) >= 10
    assert any(source.status == "live" for source in persona.sources)
    assert persona.display_name == f"{persona.code}, {persona.name}"
    assert str(persona.zone) == persona.time_zone


@pytest.mark.parametrize("persona", DESK, ids=lambda persona: persona.code)
def test_names_of_the_country_are_its_names(persona: Persona) -> None:
    """Country, adjective, capital, native name and article form can all be used to address it."""
    assert {persona.country, persona.adjective, persona.capital, persona.native_name} <= set(persona.names)


def test_seeds_line_has_its_right_author() -> None:
    """The seed gave Wang Anshi's line to Wang Zhihuan; ours does not, and prints it exactly."""
    china = DESK[0]
    line = china.epigraph("cn-wang-anshi-feilai")
    assert line is not None
    assert (line.native, line.author, line.author_native, line.work_native) == (
        "不畏浮云遮望眼，自缘身在最高层。",
        "Wang Anshi",
        "王安石",
        "登飞来峰",
    )


def test_no_epigraph_is_a_known_misattribution() -> None:
    """None of the lines that are commonly given to the wrong author is among the epigraphs."""
    for persona in DESK:
        for epigraph in persona.epigraphs:
            printed = f"{epigraph.native} {epigraph.translation}".casefold()
            assert not [line for line in MISATTRIBUTED if line in printed], epigraph.id


def test_unverified_epigraphs_keep_their_mark() -> None:
    """What was written down from knowledge is not called verified."""
    marks = {epigraph.id: epigraph.verified for persona in DESK for epigraph in persona.epigraphs}
    assert marks["cn-laozi-64"] == "from knowledge, not re-found"
    assert marks["jp-meiji-yomonoumi"] == "text found in public sources"
    assert sum(mark.startswith("from knowledge") for mark in marks.values()) == 11


def test_term_traps_are_avoided() -> None:
    """The terms that look alike are the right ones: 新质 not 新能源, LAC not LoC, the fixed Japanese form."""
    terms = {term.native: term.english for persona in DESK for term in persona.glossary}
    assert terms["新质生产力"] == "new quality productive forces"
    assert "新能源生产力" not in terms
    assert terms["वास्तविक नियंत्रण रेखा"] == "Line of Actual Control"
    assert terms["戦略的互恵関係"] == "mutually beneficial relationship based on common strategic interests"
    assert terms["存立危機事態"] == "survival-threatening situation"
    assert terms["специальная военная операция (СВО)"].startswith("‘")


def test_state_sources_of_a_country_share_one_owner() -> None:
    """Official and state media of one state never count as independent of each other."""
    for persona in DESK:
        state_media = [source for source in persona.sources if source.source_class == "state_media"]
        official = {source.owner_group for source in persona.sources if source.source_class == "official"}
        assert {source.owner_group for source in state_media} <= official, persona.code


def test_every_source_is_judged_and_several_are_not_the_states_own() -> None:
    """Class, owner, language and reliability stand in the file; a claim of the state can be corroborated."""
    for persona in DESK:
        for source in persona.sources:
            judged = (source.source_class, source.owner_group, source.language, source.reliability)
            assert all(judged), f"{persona.code}: {source.name}"
        others = {
            source.owner_group
            for source in persona.sources
            if source.readable and source.source_class not in {"official", "state_media"}
        }
        assert len(others) >= 3, persona.code


def test_everything_is_nfc() -> None:
    """Native text compares equal however a reader's keyboard composes it."""
    for file in FOLDER.glob("*.toml"):
        text = file.read_text(encoding="utf-8")
        assert unicodedata.is_normalized("NFC", text), file.name


def test_loading_is_cheap() -> None:
    """Five files load in well under 30 ms, so that every command may do it."""
    fastest = min(_timed_load() for _ in range(5))
    assert fastest < 0.030


def _timed_load() -> float:
    began = time.perf_counter()
    load_personas()
    return time.perf_counter() - began


@pytest.mark.parametrize(
    ("text", "scripts"),
    [
        ("新质生产力", {"Han"}),
        ("自由で開かれたインド太平洋", {"Han", "Hiragana", "Katakana"}),
        ("センター々ー", {"Han", "Katakana"}),
        ("разрядка, 2024!", {"Cyrillic"}),
        ("वसुधैव कुटुम्बकम्", {"Devanagari"}),
        ("raṇnītik", {"Latin"}),
        ("чистo", {"Cyrillic", "Latin"}),
        ("12 %", set()),
        ("𓀀", {"Other"}),
    ],
)
def test_script_of_text(text: str, scripts: set[str]) -> None:
    """Scripts are told apart by their letters only; digits, marks and punctuation have none."""
    assert scripts_of(text) == scripts
