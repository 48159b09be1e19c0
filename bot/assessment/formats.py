"""Formats as data: which sections an answer has, in which order, and what each one needs.

The in-depth format is the customer's own (``seed-assessment.txt``): eight sections with fixed kernels,
sized as measured there. Titles are templates over the names in ``slots``: see ``titles.title_slots``.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CHANGES", "COMPARISON", "FOLLOW_UP", "FORMATS", "RESCORE_TOKENS", "Format", "SectionSpec"]


@dataclass(frozen=True, slots=True)
class SectionSpec:
    """One section."""

    key: str
    title: str
    """Template of the heading, without the number."""
    words: int = 0
    """Target length of what the model writes; 0: we print the section, no model call."""
    instruction: str = ""
    """What the section is for and how it is built, in the model's words."""
    lead: str = ""
    """Template of a fixed first sentence; the model is told not to write one."""
    subs: tuple[int, int] = (0, 0)
    """Lettered headings: at least, at most."""
    bullets: tuple[int, int] = (0, 0)
    """Bullets a lettered heading, or in the section where it has none: at least, at most."""
    needs: frozenset[str] = frozenset({"plan"})
    """Data calls that must be done before the section is written or printed."""
    prints: tuple[str, ...] = ()
    """Blocks of data printed by us, in order; their data calls are waited for when they are due."""
    prints_inside: bool = False
    """Print them before the last paragraph instead of at the end."""
    labelled: bool = False
    """Bullets are "Label: text"."""
    factual: bool = False
    """Facts only: every bullet carries a source, and no judgment ids are known."""
    starts_with: str = ""
    """Words the first sentence begins with."""
    max_tokens: int = 0
    prefill: str = ""
    """Words a small model is made to begin with."""

    @property
    def expected_bytes(self) -> int:
        """Size before anything is drafted: about seven bytes a word and as much again for headings."""
        return 7 * self.words + 300 + 700 * len(self.prints)


@dataclass(frozen=True, slots=True)
class Format:
    """An answer's shape."""

    key: str
    name: str
    sections: tuple[SectionSpec, ...]
    judgments: tuple[int, int]
    """Judgments in the plan: at least, at most."""
    watch_items: tuple[int, int]
    calls: frozenset[str]
    """Data calls beside the plan: ``outlook``, ``watch``."""
    frame: bool = True
    """Opening sentence before, closing question and epigraph after the sections."""
    plan_first: bool = False
    """True: nothing can be written before the plan, not even section 1."""
    compact: bool = False
    """Small schemas and short instructions, for a model that runs on two cores."""
    plan_tokens: int = 600
    outlook_tokens: int = 700
    watch_tokens: int = 700
    numbered: bool = True


IN_DEPTH = Format(
    key="in-depth",
    name="In-depth assessment",
    judgments=(4, 6),
    watch_items=(5, 7),
    calls=frozenset({"outlook", "watch"}),
    sections=(
        SectionSpec(
            key="1",
            title="What {it} says (surface level)",
            words=110,
            bullets=(4, 6),
            lead="Here is what the material states, before any judgment:",
            needs=frozenset(),
            factual=True,
            max_tokens=420,
            instruction=(
                "Write 4 to 6 bullets of 12 to 26 words: the facts as the material reports them, "
                "each ending with "
                "its source, for example [S1]. No interpretation, no motives, no forecasts, no "
                "“should”. Name actors, "
                "dates and amounts where the material gives them; say what it leaves open. No headings."
            ),
        ),
        SectionSpec(
            key="2",
            title="Why {country} would {stance} (and what’s in it for {capital})",
            words=390,
            subs=(3, 5),
            bullets=(2, 4),
            max_tokens=1300,
            instruction=(
                "Explain the interests of {the_country} through the three pillars of its rubric. One "
                "lead sentence that "
                "names the pillars, then 4 lettered parts (### A. Title … ### D. Title), each with 3 "
                "or 4 bullets of 17 to "
                "44 words: interest, mechanism, trade-off, ending with the id it rests on, [S1] or {{J1}}. "
                "Sentences of at most 35 words. Name institutions of the profile where they act."
            ),
        ),
        SectionSpec(
            key="3",
            title=(
                "Why {counterparty} wants {it} "
                "(and how {possessive} strategic logic challenges its assumptions)"
            ),
            words=290,
            subs=(3, 3),
            bullets=(2, 4),
            max_tokens=1000,
            instruction=(
                "One lead sentence, then exactly three lettered parts of 3 or 4 bullets of 19 to 36 words: "
                "### A. Motivations of {counterparty}; ### B. Strategic logic and constraints faced "
                "by {the_country}; "
                "### C. Points of friction or mismatch. B and C are read through the eyes of {capital}. Each "
                "bullet ends with the id it rests on, [S1] or {{J1}}."
            ),
        ),
        SectionSpec(
            key="4",
            title="Strategic risks & contradictions (for {the_country} and for the broader system)",
            words=345,
            subs=(3, 4),
            bullets=(2, 4),
            prints=("assumptions",),
            max_tokens=1150,
            instruction=(
                "One lead sentence, then four lettered parts of 2 or 3 bullets of 20 to 43 words: "
                "loss of leverage; "
                "tensions at home; third parties and allies; costs of miscalibration. Each bullet "
                "says who bears the "
                "risk and through which mechanism. The assumptions are printed after your text: do "
                "not list them."
            ),
        ),
        SectionSpec(
            key="5",
            title="Where this is headed and what to watch ({possessive} decision points)",
            words=350,
            subs=(4, 5),
            bullets=(2, 3),
            lead=(
                "The coming months will be decided on the fronts below; they are the ones for {organisation} "
                "to follow."
            ),
            prints=("hypotheses",),
            max_tokens=1150,
            instruction=(
                "Four or five lettered parts, each a domain where {capital} must decide next, with 2 "
                "bullets of 24 to 43 "
                "words: what it can do, when, what drives the choice. The rival hypotheses and their "
                "probabilities are "
                "printed after your text: do not list them. No lead sentence."
            ),
        ),
        SectionSpec(
            key="6",
            title="My judgment: Strategic significance for {the_country}",
            words=285,
            bullets=(5, 7),
            labelled=True,
            prints=("judgments",),
            max_tokens=950,
            instruction=(
                "One lead sentence in the first person, then six bullets of 31 to 45 words in the "
                "form “**Label:** text” "
                "with labels for posture, leverage, dual track, signalling, risk and, last, a "
                "counterpoint that begins "
                "with “Yet”. Tie each to a judgment id of the plan where one fits, "
                "never “will” without one. No headings. The "
                "judgments with their "
                "likelihoods are printed after your text: do not list them."
            ),
        ),
        SectionSpec(
            key="7",
            title="Key warning signs to monitor",
            lead=(
                "For {possessive_organisation} strategic horizon, these are the observable signs "
                "that would move the "
                "judgments above:"
            ),
            prints=("watch_items",),
            needs=frozenset({"watch"}),
        ),
        SectionSpec(
            key="8",
            title="Final calibrated verdict",
            words=150,
            starts_with="In summary:",
            prints=("implications", "gaps"),
            prints_inside=True,
            max_tokens=520,
            instruction=(
                "Four paragraphs, no bullets, no headings: (1) one sentence that begins “In "
                "summary:” and weighs what this "
                "is and what it is not; (2) about 45 words on {the_country}; (3) about 40 words on "
                "{counterparty} and others; "
                "(4) about 32 words on the long view. Plain words, no metaphors, no “will” "
                "without a judgment id. Implications and "
                "gaps are printed for you."
            ),
        ),
    ),
)

BRIEF = Format(
    key="brief",
    name="Brief",
    judgments=(3, 3),
    watch_items=(3, 3),
    calls=frozenset({"watch"}),
    plan_first=True,
    frame=False,
    numbered=False,
    plan_tokens=420,
    watch_tokens=380,
    sections=(
        SectionSpec(key="bottom-line", title="Bottom line", prints=("bottom_line",)),
        SectionSpec(key="judgments", title="Key judgments", prints=("judgments",)),
        SectionSpec(
            key="watch", title="What to watch", prints=("watch_items",), needs=frozenset({"plan", "watch"})
        ),
    ),
)

FOLLOW_UP = Format(
    key="follow-up",
    name="Follow-up",
    judgments=(0, 6),
    watch_items=(0, 7),
    calls=frozenset(),
    frame=False,
    numbered=False,
    sections=(
        SectionSpec(
            key="answer",
            title="",
            words=150,
            bullets=(0, 5),
            max_tokens=600,
            instruction=(
                "Answer the question below in at most 150 words: the answer itself in the first sentence, "
                "then its reasons, as paragraphs or up to five bullets. Rest on the assessment and cite the "
                "same ids, [S1] and {{J1}}, where a statement rests on them. Where the assessment does not "
                "cover the question, say so and what would be needed. No headings."
            ),
        ),
    ),
)
"""Answered in the thread of an assessment, from what that holds."""

CHANGES = Format(
    key="changes",
    name="What changed",
    judgments=(0, 6),
    watch_items=(0, 7),
    calls=frozenset({"rescore"}),
    frame=False,
    numbered=False,
    sections=(
        SectionSpec(key="rescore", title="", prints=("changes",), needs=frozenset({"plan", "rescore"})),
    ),
)
"""A follow-up that scores the assessment's judgments again on what was found since."""

RESCORE_TOKENS = 700
"""Of the call that does: six judgments of about a hundred tokens."""

COMPARISON = Format(
    key="comparison",
    name="Comparison",
    judgments=(0, 0),
    watch_items=(0, 0),
    calls=frozenset(),
    frame=False,
    numbered=False,
    sections=(),
)
"""Several personas on one set of hypotheses: made by ``comparison_stage``, which has its own sections."""

FORMATS = {each.key: each for each in (IN_DEPTH, BRIEF, FOLLOW_UP, CHANGES, COMPARISON)}
"""By the key a turn names."""
