"""QEMU's releases, and the roles that copy-before-write and the mirror play: which design stands for which.

A role is a use of one of them: a user asks of his release and of his use, not of a design. The table
is in `releases.py`; what it says of one release is an `Era`, which lasts until its role's next one begins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cowpath.model.language.errors import InputError, hint, shown

Version = tuple[int, ...]
"""A release in numbers, to compare; a stable release has three of them."""
_WRITTEN = re.compile(r"v?([0-9]{1,3})\.([0-9]{1,3})(?:\.([0-9]{1,3}))?(?:[-+~ ].*)?", re.ASCII)

RELEASES: tuple[Version, ...] = (
    *((2, minor) for minor in range(6, 13)),
    *((3, minor) for minor in range(2)),
    *((major, minor) for major in range(4, 10) for minor in range(3)),
    *((10, minor) for minor in range(3)),
    *((11, minor) for minor in range(2)),
)
"""The releases that the table is about: from 2.6, on which the RFC was written."""


class NoSuchRelease(InputError):
    """There is no such release, or no such role in it; the message is one line that says what there is."""


@dataclass(frozen=True)
class Era:
    """What is so from one release of a role on, until its next era.

    `since` has three numbers where only stable releases of one branch have it: it then ends with the branch.
    `changed`: what came with it, each with its commit; `left_out`: what of these releases is not modelled.
    """

    since: Version
    design: str
    changed: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Role:
    """A use of copy-before-write or the mirror, with its eras, from the first release that has it to `until`.

    `without`: kinds of request that its designs may have and this use has not.
    """

    name: str
    says: str
    eras: tuple[Era, ...]
    until: Version = RELEASES[-1]
    without: tuple[str, ...] = ()

    def releases(self, era: Era) -> tuple[Version, ...]:
        """Return the releases of one era; of a stable branch that alone where the era began in it."""
        if len(era.since) == 3:
            return (era.since,)
        later = [each.since for each in self.eras if each.since > era.since and len(each.since) == 2]
        end = min(later, default=None)
        return tuple(r for r in RELEASES if era.since <= r <= self.until and (end is None or r < end))

    def era(self, version: Version) -> Era:
        """Return the era of a release. Raises `NoSuchRelease`."""
        branch = version[:2]
        if branch not in RELEASES or not self.eras[0].since <= branch <= self.until:
            raise NoSuchRelease(
                f"{written(version)} has no {self.name} that is known; accepted: a release from "
                f"{written(self.eras[0].since)} to {written(self.until)}"
            )
        return max(
            (e for e in self.eras if e.since <= version and (len(e.since) == 2 or e.since[:2] == branch)),
            key=_since,
        )

    def columns(self) -> Iterator[tuple[str, tuple[Era, ...]]]:
        """Yield each design with the eras that it stands for, in the order of the first of them."""
        designs: dict[str, list[Era]] = {}
        for era in self.eras:
            designs.setdefault(era.design, []).append(era)
        yield from ((design, tuple(eras)) for design, eras in designs.items())

    def borders(self) -> Iterator[tuple[Era, Era]]:
        """Yield each era that has another design than the one before it, after that one."""
        for era in self.eras[1:]:
            before = max((e for e in self.eras if e.since < era.since and len(e.since) == 2), key=_since)
            if before.design != era.design:
                yield before, era

    def span(self, eras: Sequence[Era]) -> str:
        """Write the releases of eras: "7.1", "5.1 - 6.2", "7.2.15 on" of a stable branch."""
        spans = [f"{written(era.since)} on" for era in eras if len(era.since) == 3]
        places = sorted(RELEASES.index(r) for e in eras if len(e.since) == 2 for r in self.releases(e))
        while places:
            first = last = places.pop(0)
            while places and places[0] == last + 1:
                last = places.pop(0)
            one, other = written(RELEASES[first]), written(RELEASES[last])
            spans.append(one if first == last else f"{one} - {other}")
        return ", ".join(spans)


def _since(era: Era) -> Version:
    return era.since


def written(version: Version) -> str:
    """Write a release as users do."""
    return ".".join(map(str, version))


def parse_release(text: str) -> Version:
    """Return the release that a text names, "7.2", "v7.2.0", "7.2.22 (Debian)". Raises `NoSuchRelease`."""
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        raise NoSuchRelease(f"--release: {shown(text)} is no release; accepted: such as 7.2 or 7.2.22")
    return tuple(int(number) for number in found.groups() if number is not None)


def find_role(name: str, roles: Sequence[Role]) -> Role:
    """Return the role of that name. Raises `NoSuchRelease`."""
    names = [role.name for role in roles]
    if name not in names:
        raise NoSuchRelease(
            f"--role: {shown(name)} is unknown{hint(name, names)}; accepted: {', '.join(names)}"
        )
    return roles[names.index(name)]
