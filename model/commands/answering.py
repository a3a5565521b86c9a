"""The options of commands whose answers are kept, and of those that go on after a kill."""

from __future__ import annotations

from pathlib import Path

import click

from cowpath.model.kept.answers import Answers, keeping, of_user, resuming
from cowpath.model.language.errors import InputError

_RESUMED = "cowpath.resumed"


def _resume(context: click.Context, _: click.Parameter, folder: str | None) -> None:
    if folder is not None:
        context.meta[_RESUMED] = resuming(Path(folder))


def _keep_answers(context: click.Context, _: click.Parameter, fresh: bool) -> None:
    resumed: Answers | None = context.meta.get(_RESUMED)
    if resumed is not None and fresh:
        raise InputError("--fresh and --resume: give one of them; to begin again, take another folder")
    context.with_resource(keeping(of_user(fresh) if resumed is None else resumed))


def _keep_parts(context: click.Context, _: click.Parameter, folder: str | None) -> None:
    if folder is not None:
        context.with_resource(keeping(resuming(Path(folder))))


RESUME = click.option(
    "--resume",
    metavar="FOLDER",
    is_eager=True,
    expose_value=False,
    callback=_resume,
    help="Save how far it is there, now and then; go on from what is there, also after a kill.",
)
FRESH = click.option(
    "--fresh",
    is_flag=True,
    expose_value=False,
    callback=_keep_answers,
    help="Pass over the answers that are kept from earlier runs; find them again.",
)
"""Lets a command keep answers, and look up what is kept, until it ends."""
RESUME_CAMPAIGN = click.option(
    "--resume",
    metavar="FOLDER",
    expose_value=False,
    callback=_keep_parts,
    help="Keep there what came of each part as soon as it is done; what is there is not done again.",
)
"""Lets a command that keeps no answers go on after a kill."""
