"""A release and a role instead of a design's name, for every command that takes designs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import click

from cowpath.model.designs.release import Role, find_role, parse_release, written
from cowpath.model.designs.releases import ROLES
from cowpath.model.language.errors import InputError

Command = Callable[..., Any]


@dataclass(frozen=True)
class Chosen:
    """The names or files of designs. By release: the role, and of which releases each design is."""

    names: tuple[str, ...]
    role: Role | None = None
    releases: Mapping[str, str] = field(default_factory=dict)


def by_release(command: Command) -> Command:
    """Add the two options."""
    release = click.option(
        "--release", metavar="X.Y", help="Instead of a design: that of this release of QEMU, in the role."
    )
    role = click.option(
        "--role",
        metavar="ROLE",
        help=f"With --release, or alone for all releases: {', '.join(role.name for role in ROLES)}.",
    )
    return role(release(command))


def choose(names: tuple[str, ...], release: str | None, role: str | None) -> Chosen:
    """Return the designs that are meant. Raises `InputError`."""
    roles = ", ".join(each.name for each in ROLES)
    if release is None and role is None:
        return Chosen(names)
    if names:
        option = "--role" if release is None else "--release"
        raise InputError(f"{option}: stands for a design; accepted: it, or {names[0]}, not both")
    if role is None:
        raise InputError(f"--release: what is copied for? accepted: with --role {roles}")
    found = find_role(role, ROLES)
    if release is None:
        spans = {design: found.span(eras) for design, eras in found.columns()}
        return Chosen(tuple(spans), found, spans)
    version = parse_release(release)
    return Chosen((found.era(version).design,), found, {found.era(version).design: written(version)})


def for_release(argument: str) -> Callable[[Command], Command]:
    """Let a command that takes designs, or one, as `argument` take a release and a role instead."""

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def chosen(*args: Any, release: str | None, role: str | None, **given: Any) -> Any:
            said = given[argument]
            if isinstance(said, tuple):
                given[argument] = choose(said, release, role).names
            else:
                given[argument] = _one(argument, said, release, role)
            return command(*args, **given)

        return by_release(chosen)

    return decorate


def _one(argument: str, said: str | None, release: str | None, role: str | None) -> str | None:
    """Return the one design that is meant, None if none need be. Raises `InputError`."""
    if role is not None and release is None:
        find_role(role, ROLES)
        raise InputError("--role: of which release? accepted: with --release")
    names = choose(() if said is None else (said,), release, role).names
    if names:
        return names[0]
    context = click.get_current_context()
    (param,) = (each for each in context.command.params if each.name == argument)
    if (param.metavar or "").startswith("["):
        return None
    raise click.MissingParameter(ctx=context, param=param)
