"""An assessment as a file in its thread: opened again, and read."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

import docx
import pypdf
import pytest
from fontTools.ttLib import TTFont

from bot.sandbox.messages import Message
from tests.support.desk import CHANNEL, TEAM, OpenDesk, open_desk, words_of
from tests.support.valkey import RealValkey

FILE_SECONDS = 60.0
"""A file takes three seconds; on a machine that does other things as well, longer."""
KINDS = ("md", "docx", "pdf")


async def choose(desk: OpenDesk, footer: Message, kind: str, user: str = "dana") -> None:
    """Choose a kind of file in the footer's menu."""
    menu = next(block["accessory"] for block in footer.all_blocks() if "accessory" in block)
    option = next(option for option in menu["options"] if option["value"].startswith(f"{kind}:"))
    delivery = await desk.sandbox.interactions.click(
        user, CHANNEL, footer.ts, menu["action_id"], chosen={"selected_option": option}
    )
    assert delivery.outcome == "acked"


def files_of(desk: OpenDesk, ts: str) -> dict[str, tuple[Message, bytes]]:
    """The thread's files by ending, with the messages they came in."""
    found: dict[str, tuple[Message, bytes]] = {}
    for message in desk.replies(ts):
        for shown in message.files:
            data = desk.sandbox.workspace.files[shown["id"]].data
            assert data is not None
            found[shown["name"].rpartition(".")[2]] = (message, data)
    return found


async def exported(desk: OpenDesk, ts: str, *kinds: str) -> dict[str, bytes]:
    """Ask for files one after the other; all that come."""
    footer = desk.of_kind(ts, "footer")[0]
    for kind in kinds:
        await choose(desk, footer, kind)
    await desk.until(lambda: set(kinds) <= set(files_of(desk, ts)), FILE_SECONDS)
    return {kind: data for kind, (_, data) in files_of(desk, ts).items()}


def squeezed(text: str) -> str:
    """Words without spaces and breaks, which a page sets where it likes."""
    return "".join(text.split())


@pytest.mark.timeout(240)  # three files, made with the lowest claim on the machine's cores
async def test_an_assessment_comes_as_markdown_word_and_pdf_with_its_native_scripts(
    valkey: RealValkey,
) -> None:
    """Everything that was shown stands in each file, and the fonts that show it are inside."""
    async with open_desk(valkey) as desk:
        ts = await desk.ask()
        await desk.answered(ts)
        await desk.at_rest(ts)
        files = await exported(desk, ts, *KINDS)
        shown = desk.text(ts)
        message, _ = files_of(desk, ts)["pdf"]
        assert message.username == "CN-01, China Agent"
        assert message.thread_ts == ts
        assert re.fullmatch(r"CN-01 \d{4}-\d\d-\d\d .+\.pdf", message.files[0]["name"])

        native = re.findall("[\u4e00-\u9fff]{4,}", shown)
        likelihoods = re.findall(r"\d+–\d+ %", shown)
        headings = re.findall(r"^## (.+)$", shown, re.MULTILINE)
        assert native
        assert likelihoods
        assert len(headings) == 8
        word = docx.Document(io.BytesIO(files["docx"]))
        pages = pypdf.PdfReader(io.BytesIO(files["pdf"]))
        texts = {
            "md": files["md"].decode(),
            "docx": "\n".join(paragraph.text for paragraph in word.paragraphs),
            "pdf": "\n".join(page.extract_text() for page in pages.pages),
        }
        for kind, text in texts.items():
            wanted = [*native, *likelihoods, *headings, "CN-01, China Agent", "Sources", "by an AI"]
            missing = [words for words in wanted if squeezed(words) not in squeezed(text)]
            assert missing == [], kind
        assert "Noto Sans CJK SC" in fonts_in_word(files["docx"])
        embedded = fonts_in_pdf(pages)
        assert any("NotoSansCJKSC" in name for name in embedded)
        assert all(embedded.values())


def fonts_in_word(data: bytes) -> list[str]:
    """Names of the fonts that are embedded, each as a font that can be read."""
    package = zipfile.ZipFile(io.BytesIO(data))
    links = dict(
        re.findall(r'Id="(\w+)"[^>]*Target="([^"]+)"', package.read("word/_rels/fontTable.xml.rels").decode())
    )
    table = package.read("word/fontTable.xml").decode()
    assert b'Extension="odttf"' in package.read("[Content_Types].xml")
    names = []
    for name, entry in re.findall(r'<w:font w:name="([^"]+)">(.*?)</w:font>', table):
        for link, key in re.findall(r'r:id="(\w+)" w:fontKey="\{([^}]+)\}"', entry):
            hidden = package.read(f"word/{links[link]}")
            mask = bytes.fromhex(key.replace("-", ""))[::-1] * 2
            plain = bytes(a ^ b for a, b in zip(hidden[:32], mask, strict=True)) + hidden[32:]
            assert TTFont(io.BytesIO(plain))["name"].getDebugName(1) == name
        names.append(name)
    return names


def fonts_in_pdf(pages: pypdf.PdfReader) -> dict[str, bool]:
    """By name: whether the font's outlines are in the file."""
    found: dict[str, bool] = {}
    for page in pages.pages:
        resources: Any = page["/Resources"]
        for reference in resources["/Font"].values():
            font = reference.get_object()
            for below in font.get("/DescendantFonts", [font]):
                descriptor = below.get_object().get("/FontDescriptor", {})
                found[str(font["/BaseFont"])] = "/FontFile2" in descriptor
    return found


async def test_an_assessment_that_is_no_longer_kept_is_not_exported(valkey: RealValkey) -> None:
    """The person is told so, and what to do; nobody else sees it."""
    async with open_desk(valkey) as desk:
        ts = await desk.ask("CN-01 brief: What now?")
        await desk.answered(ts)
        await desk.at_rest(ts)
        await desk.threads.forget(f"{TEAM}:{CHANNEL}:{ts}")
        await choose(desk, desk.of_kind(ts, "footer")[0], "md")
        told = await desk.until(desk.whispers)
        assert "I no longer keep that assessment" in words_of(told[0])
        assert desk.calls("files.getUploadURLExternal") == []


@pytest.mark.parametrize(
    ("error", "sentence"),
    [("missing_scope", "add the scope files:write"), ("file_uploads_disabled", "does not allow")],
)
async def test_a_file_slack_refuses_is_explained(valkey: RealValkey, error: str, sentence: str) -> None:
    """By what its administrator can do about it."""
    async with open_desk(valkey) as desk:
        ts = await desk.ask("CN-01 brief: What now?")
        await desk.answered(ts)
        await desk.at_rest(ts)
        desk.sandbox.fail_next("files.getUploadURLExternal", error=error)
        await choose(desk, desk.of_kind(ts, "footer")[0], "md")
        told = await desk.until(desk.whispers, FILE_SECONDS)
        assert sentence in words_of(told[0])
