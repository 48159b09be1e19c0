"""What a run has shown, part by part."""

from __future__ import annotations

from bot.assessment.events import Part, Withdrawn, in_place_of

__all__ = ["Transcript"]


class Transcript:
    """Every visible part, by section, as it stands."""

    def __init__(self) -> None:
        self._parts: list[tuple[str, str]] = []

    def add(self, part: Part) -> int:
        """Keep a part; its number."""
        self._parts.append((part.section, part.text))
        return len(self._parts) - 1

    def withdraw(self, taken_back: Withdrawn) -> None:
        """Put the note in the place of a part."""
        section, text = self._parts[taken_back.part]
        self._parts[taken_back.part] = (section, in_place_of(text, taken_back.note))

    def lines(self, section: str) -> tuple[str, ...]:
        """The parts of the frame (``opening``, ``closing``), one text each."""
        texts = (text.strip("\n") for text in self._of(section))
        return tuple(text for text in texts if text)

    def text(self, section: str) -> str:
        """A section, from its title on."""
        return "".join(self._of(section)).lstrip("\n")

    def title(self, section: str) -> str:
        """A section's title with its number, as shown."""
        return self.text(section).partition("\n")[0].removeprefix("## ")

    def _of(self, section: str) -> list[str]:
        return [text for place, text in self._parts if place == section]
