"""Bugs of the public record, each said by a scenario and judged by the designs before and after its repair.

What is recorded is in `recorded_bugs.py`; no verdict is: each is what the checker finds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cowpath.model.bench.check import PropertyResult, check
from cowpath.model.designs import ALL, Case
from cowpath.model.designs.release import find_role, parse_release
from cowpath.model.designs.releases import ROLES
from cowpath.model.explore.result import UNLIMITED, Limits
from cowpath.model.language.verdict import Verdict
from cowpath.model.scenarios import find


@dataclass(frozen=True)
class Said:
    """How a bug is said: the bundled or recorded `scenario` on which the property falls until the repair.

    `before` and `after` are releases, in the role; without a role they are designs.
    """

    scenario: str
    property: str
    before: str
    after: str
    role: str | None = None

    def design(self, when: str) -> str:
        """Return the name of the design before or after."""
        if self.role is None:
            return when
        return find_role(self.role, ROLES).era(parse_release(when)).design


@dataclass(frozen=True)
class Report:
    """A bug of the record: `what` went wrong, the `fix`, the releases that had it (`broken`).

    `said`: by which scenario; or `unsaid`: why by none.
    """

    name: str
    what: str
    fix: str
    broken: str
    said: Said | None = None
    unsaid: str = ""


@dataclass(frozen=True)
class Judged:
    """A report that can be said, with what the checker finds before and after its repair."""

    report: Report
    said: Said
    before: PropertyResult
    after: PropertyResult

    @property
    def as_recorded(self) -> bool:
        """Whether the property falls before the repair, and holds after it."""
        return (self.before.verdict, self.after.verdict) == (Verdict.VIOLATED, Verdict.HOLDS)

    @property
    def undetermined(self) -> bool:
        """Whether a limit was hit."""
        return Verdict.UNDETERMINED in (self.before.verdict, self.after.verdict)


def judge(reports: Sequence[Report], limits: Limits = UNLIMITED) -> Iterator[Judged | Report]:
    """Yield each report, judged if it can be said. Each trace has been replayed by the reference."""
    for report in reports:
        said = report.said
        if said is None:
            yield report
        else:
            before, after = (_found(said, when, limits) for when in (said.before, said.after))
            yield Judged(report, said, before, after)


def _found(said: Said, when: str, limits: Limits) -> PropertyResult:
    design = ALL[said.design(when)]
    case = Case(design, find(said.scenario, design.vocabulary))
    return check(case, properties=[said.property], limits=limits).properties[said.property]
