"""Which dotted words a Slack client would turn into a link on its own ("example.com")."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

__all__ = ["is_live_domain"]

_FILE_ENDINGS: Final = frozenset(
    {"js", "ts", "csv", "txt", "pdf", "docx", "xlsx", "pptx", "html", "json", "jpg"}
)
"""Endings that are no top-level domain: "Node.js" and "annex.pdf" are words."""

_COUNTRY_WORDS: Final = """
ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bv bw by
bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj
fk fm fo fr ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io
iq ir is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg
mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph
pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sj sk sl sm sn so sr ss st su sv sx
sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt
za zm zw
"""
_COUNTRY: Final = frozenset(_COUNTRY_WORDS.split())
_GENERIC_WORDS: Final = """
com org net edu gov mil int info biz name pro aero asia cat coop jobs mobi museum post tel travel xxx
arpa app dev xyz online site store shop tech link links click top club live life news blog cloud zip mov
page web website wiki space host agency media press report reports today world global group team works
work zone bank finance fund capital money market markets trade trading exchange insurance legal law army
navy energy center centre foundation institute international academy university school college education
email chat social video tube film photo photos pics art design studio software systems solutions
services support consulting company ventures vip win bid date download racing review science party
stream tokyo berlin paris london moscow nyc xin icu fun run ltd inc llc gmbh corp plus one buzz rest lol
mom onion local
"""
_GENERIC: Final = frozenset(_GENERIC_WORDS.split())
_NATIVE_WORDS: Final = """
рф бел укр срб мкд қаз рус онлайн сайт орг ком дети москва 中国 中國 公司 网络 網絡 网址 商店 商城 香港
台灣 台湾 在线 中文网 网站 政务 公益 みんな コム ストア 한국 닷컴 닷넷 भारत नेट संगठन कॉम বাংলা ভারত
ਭਾਰਤ ભારત இந்தியா భారత్ ไทย ايران امارات السعودية مصر عمان قطر المغرب تونس سورية فلسطين الاردن الجزائر
عراق پاکستان شبكة موقع كوم ישראל ελ ею бг გე հայ
"""
_NATIVE: Final = frozenset(_NATIVE_WORDS.split())


_LATIN_HEAD: Final = re.compile(r"[A-Za-z0-9\-]*")
"""Where a client may stop reading a label: at "_" (closing italics) or where another script follows."""


def _is_top_level(word: str) -> bool:
    """Whether a dotted word's last label works as a top-level domain. Unknown lower-case Latin labels
    count as one, because new ones are sold every month; "growth.However" is a missing space.
    """
    folded = unicodedata.normalize("NFKC", word).casefold()
    if folded in _COUNTRY or folded in _GENERIC or folded in _NATIVE or folded.startswith("xn--"):
        return True
    if folded in _FILE_ENDINGS or not word.isascii():
        return False
    return word.isalpha() and len(word) >= 2 and not word.istitle()


def is_live_domain(dotted: str) -> bool:
    """Whether ``dotted`` ("www.example.com", "U.S", "3.5bn") holds anything that becomes a link.

    Any label but the first may be where a client stops reading: "example.com.The" links "example.com".
    """
    labels = dotted.replace("。", ".").split(".")
    if all(len(label) <= 1 for label in labels):
        return False
    return any(_is_top_level(label) or _is_top_level(_LATIN_HEAD.findall(label)[0]) for label in labels[1:])
