"""The command `recorded-bugs`: bugs of the public record, before and after their repair."""

from __future__ import annotations

import click

from cowpath.model.bench.recorded import Judged, judge
from cowpath.model.bench.recorded_bugs import REPORTS
from cowpath.model.commands import files
from cowpath.model.commands.inputs import WIDTH
from cowpath.model.commands.options import MAX_SECONDS, MAX_STATES
from cowpath.model.explore.result import Limits
from cowpath.model.language.verdict import Verdict, worst
from cowpath.model.render.recorded import as_json, lines
from cowpath.model.render.text import wrap


@click.command(name="recorded-bugs", short_help="Check bugs of the record, before and after their repair.")
@click.option("--json", "json_path", metavar="OUT", help="Write them there as JSON ('-': to stdout).")
@MAX_STATES
@MAX_SECONDS
def recorded_bugs(json_path: str | None, max_states: int | None, max_seconds: float | None) -> None:
    """Check bugs of the public record, each on its scenario, by the designs before and after its repair.

    Of those that no scenario says, it says why. Exit status 0 if all that are said fall before their repair
    and hold after it, 1 if one does not, 3 if one is undetermined; 2 for bad input.
    """
    files.check_json(json_path)
    found = list(judge(REPORTS, Limits(max_states, max_seconds)))
    if files.write_json(json_path, [as_json(each) for each in found]):
        for text in lines(found):
            indent = " " * (len(text) - len(text.lstrip()) + 4)
            for line in wrap(text, WIDTH, indent) if text else [""]:
                click.echo(line)
    raise SystemExit(worst(_verdict(each) for each in found if isinstance(each, Judged)).exit_status)


def _verdict(each: Judged) -> Verdict:
    if each.as_recorded:
        return Verdict.HOLDS
    return Verdict.UNDETERMINED if each.undetermined else Verdict.VIOLATED
