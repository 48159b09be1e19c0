"""Words of likelihood: the lexicons, and how a likelihood is printed.

Source of the bands: ICD 203 (2 January 2015), first row of terms; the UK PHIA probability
yardstick. One lexicon a workspace, never mixed.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LEXICONS", "Band", "Lexicon", "Likelihood"]


@dataclass(frozen=True, slots=True)
class Band:
    """A term and the percentages it stands for, both ends included."""

    term: str
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Likelihood:
    """Low, point and high in percent, as the plan gave them."""

    low: int
    point: int
    high: int


@dataclass(frozen=True, slots=True)
class Lexicon:
    """One scale of terms, in rising order."""

    key: str
    bands: tuple[Band, ...]

    def band(self, point: int) -> Band:
        """The band of a point estimate. Where bands touch, the upper one begins; in PHIA's
        deliberate gaps, the nearer one counts.
        """
        within = [band for band in self.bands if band.low <= point <= band.high]
        if within:
            return within[-1] if point < self.bands[-1].high else self.bands[-1]
        return min(self.bands, key=lambda band: min(abs(band.low - point), abs(band.high - point)))

    def clipped(self, likelihood: Likelihood) -> Likelihood:
        """The likelihood with the part of its range that lies inside the band of its point's term."""
        band = self.band(likelihood.point)
        low = min(max(likelihood.low, band.low), band.high)
        high = max(min(likelihood.high, band.high), band.low)
        return Likelihood(low, likelihood.point, high)

    def phrase(self, likelihood: Likelihood) -> tuple[str, bool]:
        """``("likely (60–75 %)", clipped)``: the term of the point, and the part of the range inside
        the term's band; ``clipped`` tells that the range had left it.
        """
        printed = self.clipped(likelihood)
        shown = f"{printed.low}–{printed.high} %" if printed.low != printed.high else f"{printed.low} %"
        return f"{self.band(likelihood.point).term} ({shown})", printed != likelihood


LEXICONS = {
    "icd203": Lexicon(
        "icd203",
        (
            Band("almost no chance", 1, 5),
            Band("very unlikely", 5, 20),
            Band("unlikely", 20, 45),
            Band("roughly even chance", 45, 55),
            Band("likely", 55, 80),
            Band("very likely", 80, 95),
            Band("almost certain", 95, 99),
        ),
    ),
    "phia": Lexicon(
        "phia",
        (
            Band("remote chance", 1, 5),
            Band("highly unlikely", 10, 20),
            Band("unlikely", 25, 35),
            Band("realistic possibility", 40, 49),
            Band("likely", 55, 75),
            Band("highly likely", 80, 90),
            Band("almost certain", 95, 99),
        ),
    ),
}
"""By key of the ``lexicon`` setting."""
