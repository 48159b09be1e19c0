"""What a run has shown, part by part."""

from __future__ import annotations

from bot.assessment.events import Part

__all__ = ["Transcript"]


class Transcript:
    """Every visible part, by section, as it was put out."""

    def __init__(self) -> None:
        self._parts: dict[str, list[str]] = {}

    def add(self, part: Part) -> None:
        """Keep a part."""
        self._parts.setdefault(part.section, []).append(part.text)

    def lines(self, section: str) -> tuple[str, ...]:
        """The parts of the frame (``opening``, ``closing``), one text each."""
        texts = (text.strip("\n") for text in self._parts.get(section, ()))
        return tuple(text for text in texts if text)

    def text(self, section: str) -> str:
        """A section, from its title on."""
        return "".join(self._parts.get(section, ())).lstrip("\n")

    def title(self, section: str) -> str:
        """A section's title with its number, as shown."""
        return self.text(section).partition("\n")[0].removeprefix("## ")
