"""The loader: what it refuses, how it says so, and that one file is enough for a new agent."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import personas
from personas.desk import Desk
from personas.loader import PersonaError, load_personas

FOLDER = Path(personas.__file__).parent

KOREA = """
code = "KR-01"
iso = "KR"
name = "South Korea Agent"
country = "South Korea"
the_country = "South Korea"
possessive = "South Korea’s"
adjective = "South Korean"
capital = "Seoul"
native_name = "대한민국"
languages = ["ko"]
scripts = ["Hangul"]
time_zone = "Asia/Seoul"
icon_emoji = ":flag-kr:"
aliases = ["ROK", "Republic of Korea", "한국"]
institutions = [{ name = "Presidential Office, NSC" }, { name = "Bank of Korea" }]
style = "Detailed fact sheets, staged cash calls, seeks caps and FX safeguards"
red_lines = ["Northern provocation", "extended-deterrence dilution", "won stability"]

[[pillars]]
id = "deterrence_alliance"
name = "Deterrence of the North and the US alliance"
question = "Does it deter?"

[[pillars]]
id = "export_industry"
name = "Export industry (chips, ships, batteries)"
question = "Does it sell?"

[[pillars]]
id = "balance"
name = "Balance with China and Japan"
question = "Does it keep the balance?"

[[glossary]]
id = "T1"
native = "한미동맹"
transliteration = "hanmi dongmaeng"
english = "ROK–US alliance"

[[epigraphs]]
id = "kr-yundongju-seosi"
native = "죽는 날까지 하늘을 우러러 / 한 점 부끄럼이 없기를"
translation = "Until the day I die, may I look up to heaven without a speck of shame."
author = "Yun Dong-ju"
author_native = "윤동주"
work = "Prologue (Seosi)"
work_native = "서시"
year = "1941"
language = "ko"
verified = "from knowledge, not re-found"
note = "d. 1945"

[[sources]]
name = "Yonhap (EN)"
url = "https://en.yna.co.kr/RSS/news.xml"
kind = "rss"
status = "live"
checked = 2026-09-07
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the package's own persona files."""
    for file in FOLDER.glob("*.toml"):
        shutil.copy(file, tmp_path)
    return tmp_path


Break = Callable[[str, str], tuple[str, ...]]


@pytest.fixture
def break_korea(folder: Path) -> Break:
    """Writes the sixth persona with one thing replaced, and returns what the loader says to it."""

    def break_korea(old: str, new: str) -> tuple[str, ...]:
        assert old in KOREA
        (folder / "kr-01.toml").write_text(KOREA.replace(old, new, 1), encoding="utf-8")
        with pytest.raises(PersonaError) as caught:
            load_personas(folder)
        return caught.value.problems

    return break_korea


def test_adding_a_persona_is_adding_one_file(folder: Path) -> None:
    """A sixth agent needs its file and nothing else: it loads, and answers to code, name and alias."""
    (folder / "kr-01.toml").write_text(KOREA, encoding="utf-8")
    everyone = load_personas(folder)
    assert [persona.code for persona in everyone] == ["CN-01", "IN-01", "JP-01", "KR-01", "RU-01", "US-01"]
    desk = Desk(everyone)
    for text in ("KR-01 why?", "South Korea: why?", "ROK, why?", "republic of korea - why?", "한국: why?"):
        address = desk.address(text)
        assert address.persona is not None
        assert (address.persona.code, address.text) == ("KR-01", "why?")
    assert everyone[3].sources[0].checked == "2026-09-07"


def test_file_may_begin_with_a_byte_order_mark(folder: Path) -> None:
    """Windows editors write one; it is no mistake."""
    (folder / "kr-01.toml").write_text(KOREA, encoding="utf-8-sig")
    assert len(load_personas(folder)) == 6


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            'time_zone = "Asia/Seoul"',
            'time_zone = "Asia/Soul"',
            "time_zone: “Asia/Soul” is no IANA time zone",
        ),
        ('time_zone = "Asia/Seoul"', 'time_zone = "America"', "time_zone: “America” is no IANA time zone"),
        ('time_zone = "Asia/Seoul"', 'time_zone = "../x"', "time_zone: “../x” is no IANA time zone"),
        ('capital = "Seoul"', 'capital = ""', "capital: is empty"),
        ('capital = "Seoul"', "", "capital: is missing"),
        ('capital = "Seoul"', "capital = 7", "capital: must be text in quotation marks"),
        ('capital = "Seoul"', 'capital = "Seoul "', "capital: has spaces or line breaks at its ends"),
        ('capital = "Seoul"', 'capital = "Seoul"\ncolour = "red"', "colour: unknown key"),
        ('capital = "Seoul"', 'capital = "Se\\u0000oul"', "capital: holds a control character"),
        ('"한국"]', '"Beijing"]', "aliases: “beijing” is already claimed by cn-01.toml"),
        ('"한국"]', '"CN"]', "aliases: “cn” is already claimed by cn-01.toml"),
        ('"한국"]', '"rok"]', "aliases: “rok” stands there 2 times"),
        ('aliases = ["ROK", "Republic of Korea", "한국"]', "aliases = []", "aliases: is empty"),
        (
            'aliases = ["ROK", "Republic of Korea", "한국"]',
            'aliases = "ROK"',
            "aliases: must be a list in [brackets]",
        ),
        ('["ko"]', '["Korean"]', "languages #1: “Korean” does not look like a BCP 47 tag"),
        ('["Hangul"]', '["Korean"]', "scripts #1: “Korean” is no script we know"),
        ('iso = "KR"', 'iso = "KP"', "iso: “KP” is not how the code KR-01 begins"),
        ('code = "KR-01"', 'code = "KR-02"', "code: KR-02 belongs into a file named kr-02.toml"),
        ('code = "KR-01"', 'code = "Korea"', "code: “Korea” does not look like CN-01"),
        (":flag-kr:", "flag-kr", "icon_emoji: “flag-kr” does not look like :flag-cn:"),
        (
            "https://en.yna",
            "ftp://en.yna",
            "sources #1, url: “ftp://en.yna.co.kr/RSS/news.xml” does not begin",
        ),
        ("https://en.yna.co.kr/RSS", "https:///RSS", "sources #1, url:"),
        ("https://en.yna.co.kr/RSS", "https://[", "sources #1, url:"),
        ('kind = "rss"', 'kind = "blog"', "sources #1, kind: must be one of 'rss'"),
        (
            "checked = 2026-09-07",
            'checked = "last week"',
            "sources #1, checked: “last week” does not look like",
        ),
        (
            'native = "한미동맹"',
            'native = "alliance"',
            "glossary: T1: native “alliance” has letters in Latin",
        ),
        ('native = "한미동맹"', 'native = "2+2"', "glossary: T1: native “2+2” has no letter in Hangul"),
        ('id = "T1"', 'id = "one"', "glossary #1, id: “one” does not look like T1"),
        ('id = "kr-yundongju-seosi"', 'id = "jp-x"', "epigraphs: id “jp-x” does not begin with kr-"),
        ('year = "1941"', "year = 1941", "epigraphs #1, year: must be text in quotation marks"),
        ("from knowledge, not re-found", "yes", "epigraphs #1, verified: must be one of"),
        ('id = "balance"', 'id = "export_industry"', "pillars: “export_industry” stands there 2 times"),
        ("서시", "\u1109\u1165시", "epigraphs #1, work_native: is not in Unicode NFC"),
        ('possessive = "South Korea’s"', 'possessive = "South Korea\'s"', "possessive:"),
    ],
)
def test_mistake_is_named_with_file_and_field(break_korea: Break, old: str, new: str, problem: str) -> None:
    """Each mistake is one line that says in which file and field it is, in words an expert understands."""
    problems = break_korea(old, new)
    assert any(line.startswith("kr-01.toml: ") and problem in line for line in problems), problems


def test_two_pillars_are_too_few(break_korea: Break) -> None:
    """The rubric has exactly three pillars."""
    third = KOREA[KOREA.index('[[pillars]]\nid = "balance"') : KOREA.index("[[glossary]]")]
    assert break_korea(third, "") == ("kr-01.toml: pillars: needs exactly three, has 2",)


def test_all_problems_of_all_files_are_listed(folder: Path) -> None:
    """Nobody has to run the program five times to find five mistakes."""
    china = (folder / "cn-01.toml").read_text(encoding="utf-8")
    china = china.replace("Asia/Shanghai", "Asia/Peking").replace('capital = "Beijing"', 'capital = ""')
    (folder / "cn-01.toml").write_text(
        china.replace('native = "双循环"', 'native = "двойная"'), encoding="utf-8"
    )
    (folder / "in-01.toml").write_text("code = ", encoding="utf-8")
    (folder / "jp-01.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(PersonaError) as caught:
        load_personas(folder)
    problems = caught.value.problems
    assert len(problems) == 5
    assert [line.partition(":")[0] for line in problems] == ["cn-01.toml"] * 3 + ["in-01.toml", "jp-01.toml"]
    assert "(at end of document)" in problems[3] or "line 1" in problems[3]
    for line in problems:
        assert line in str(caught.value)


def test_bad_toml_is_named_with_its_line(break_korea: Break) -> None:
    """A forgotten quotation mark is found by its line."""
    assert break_korea('capital = "Seoul"', 'capital = "Seoul') == (
        "kr-01.toml: is not valid TOML: Illegal character '\\n' (at line 9, column 17)",
    )


def test_copied_file_is_one_problem_not_forty(folder: Path) -> None:
    """A copy claims all names of its original: one line says so."""
    shutil.copy(folder / "cn-01.toml", folder / "cn-02.toml")
    with pytest.raises(PersonaError) as caught:
        load_personas(folder)
    assert caught.value.problems == (
        "cn-02.toml: code: CN-01 belongs into a file named cn-01.toml",
        "cn-02.toml: code: CN-01 is already claimed by cn-01.toml",
    )


def test_empty_folder_is_a_mistake(tmp_path: Path) -> None:
    """A desk without agents is never meant."""
    with pytest.raises(PersonaError, match="holds no persona files"):
        load_personas(tmp_path)


def test_persona_cannot_be_changed() -> None:
    """A persona is a value: what was validated stays what is used."""
    with pytest.raises(ValueError, match="frozen"):
        load_personas()[0].name = "Another"  # type: ignore[misc]
