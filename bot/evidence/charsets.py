"""Bytes to text: what servers, declarations and meta tags say about the encoding is a hint, not the truth."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from charset_normalizer import from_bytes

from bot.evidence.languages import SCRIPTS_OF_LANGUAGE, primary
from personas.scripts import scripts_of

__all__ = ["decoded"]

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks; UTF-32's little-endian one begins with UTF-16's, so it is looked for first."""

_WIDER = {
    "ascii": "utf-8",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "x-sjis": "cp932",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "iso-8859-1": "cp1252",
    "latin-1": "cp1252",
    "latin1": "cp1252",
    "us-ascii": "cp1252",
    "iso-8859-8-i": "cp1255",
    "tis-620": "cp874",
    "iso-8859-11": "cp874",
    "big5": "big5hkscs",
}
"""What browsers read under these names (WHATWG Encoding Standard): supersets of what the names mean."""

_OF_LANGUAGE = {
    "ar": ("cp1256", "iso-8859-6"),
    "fa": ("cp1256",),
    "he": ("cp1255",),
    "ja": ("euc_jp", "cp932"),
    "ko": ("cp949",),
    "ru": ("cp1251", "koi8_r"),
    "th": ("cp874",),
    "uk": ("cp1251", "koi8_u"),
    "zh": ("gb18030", "big5hkscs"),
}
"""The encodings before UTF-8, of the languages that had some of their own."""

_HEAD_BYTES = 2048
_DECLARED = re.compile(
    rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{2,40})["']|<meta[^>]{0,400}?charset\s*=\s*["']?([\w.:-]{2,40})""",
    re.IGNORECASE,
)
_IN_HEADER = re.compile(r"""charset\s*=\s*["']?([\w.:-]{2,40})""", re.IGNORECASE)
_ESCAPES = (b"\x1b$B", b"\x1b$@", b"\x1b(J")
"""Of ISO-2022-JP, whose bytes are all ASCII."""

_NOT_FOR_DOCUMENTS = ("utf-16", "utf-32", "utf-7", "idna", "punycode", "unicode", "raw")
"""UTF-16 and 32 without their marks decode any bytes; the others are not for documents."""

_SAMPLE_CHARACTERS = 20_000
_FOREIGN = 0.2
"""Share of non-ASCII letters in the language's own scripts below which an encoding is taken to be wrong."""


def decoded(body: bytes, *, content_type: str = "", language: str = "") -> str:
    """The text of a document. ``language`` is what its source usually writes, for the case that everything
    the document says about itself is wrong. Never raises; what cannot be read becomes U+FFFD.
    """
    text = _by_mark(body)
    if text is None:  # other encodings' bytes are hardly ever valid UTF-8 by accident
        text = _strictly(body, "utf-8")
    return _by_hints(body, content_type, primary(language)) if text is None else text


def _by_mark(body: bytes) -> str | None:
    """Encodings that show themselves."""
    for mark, encoding in _MARKS:
        if body.startswith(mark):
            return body.decode(encoding, "replace")
    if any(escape in body for escape in _ESCAPES):
        return _strictly(body, "iso2022_jp_ext")
    return None


def _by_hints(body: bytes, content_type: str, language: str) -> str:
    # Damaged UTF-8 is likelier than anything else that looks so much like it: one broken character must not
    # spoil a feed.
    lenient = body.decode("utf-8", "replace")
    broken = lenient.count("\ufffd")
    if sum(character > "\x7f" for character in lenient) - broken > 20 * broken:
        return lenient
    scripts = SCRIPTS_OF_LANGUAGE.get(language, frozenset())
    readable: list[tuple[float, str]] = []
    for encoding in _candidates(body, content_type, language):
        text = _strictly(body, encoding)
        if text is not None:
            share = _share(text, scripts) if scripts else 1.0
            readable.append((share + _familiar(text, language) if share >= _FOREIGN else 0.0, text))
    # Of what can be read, what reads best; of equals, what more speaks for.
    likeliest = max(readable, key=lambda each: each[0], default=(0.0, ""))
    if likeliest[0] > 0:
        return likeliest[1]
    if broken <= len(lenient) // 200:
        return lenient
    best = from_bytes(body[: _SAMPLE_CHARACTERS * 2]).best()
    if best is not None:
        return body.decode(best.encoding, "replace")
    return readable[0][1] if readable else lenient


def _candidates(body: bytes, content_type: str, language: str) -> Iterator[str]:
    """Encodings by what speaks for them: the document, the server, the language."""
    seen: set[str] = set()
    declared = _DECLARED.search(body[:_HEAD_BYTES])
    said = [] if declared is None else [(declared[1] or declared[2]).decode("ascii", "ignore")]
    header = _IN_HEADER.search(content_type)
    said += [] if header is None else [header[1]]
    for name in (*said, *_OF_LANGUAGE.get(language, ())):
        encoding = _WIDER.get(name.lower(), name)
        try:
            known = codecs.lookup(encoding).name
        except LookupError:
            continue
        if known not in seen and not known.startswith(_NOT_FOR_DOCUMENTS):
            seen.add(known)
            yield known


def _strictly(body: bytes, encoding: str) -> str | None:
    try:
        return body.decode(encoding)
    except (UnicodeError, LookupError):
        return None


def _share(text: str, scripts: frozenset[str]) -> float:
    """How much of what is not ASCII is in these scripts."""
    letters = [
        character for character in text[:_SAMPLE_CHARACTERS] if character > "\x7f" and character.isalpha()
    ]
    if not letters:
        return 1.0
    return sum(bool(scripts_of(letter) & scripts) for letter in letters) / len(letters)


_FAMILIAR = {
    "ja": re.compile("[ぁ-ゟ]"),
    "ru": re.compile("[а-яё]"),
    "uk": re.compile("[а-яіїєґ]"),
    "zh": re.compile("[的一是不了在有人中大为為上个個国國以到他会會与與年月日部外交新经經]"),
}
"""What texts of a language are full of, and what few characters of a wrong encoding are: KOI8 read as
windows-1251 is in CAPITALS, Big5 read as GB is of rare characters."""


def _familiar(text: str, language: str) -> float:
    """The share of a text's own letters that are everyday ones, 0-1."""
    wanted = _FAMILIAR.get(language)
    if wanted is None:
        return 0.0
    sample = text[:_SAMPLE_CHARACTERS]
    letters = sum(character > "\x7f" and character.isalpha() for character in sample)
    return len(wanted.findall(sample)) / letters if letters else 0.0
