"""The command line: mounts the command groups, nothing else."""

from __future__ import annotations

import sys

import click

import model.cli


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cowpath")
def cowpath() -> None:
    """Check copy-before-write designs for races, deadlocks and lost updates."""


for command in model.cli.COMMANDS:
    cowpath.add_command(command)


def main() -> None:
    """Run; bad input of any kind is one line on stderr and exit status 2."""
    try:
        status = cowpath.main(standalone_mode=False)
    except click.ClickException as error:
        sys.stderr.write(f"cowpath: {' '.join(error.format_message().split())}\n")
        status = 2
    except click.Abort:
        sys.stderr.write("cowpath: interrupted\n")
        status = 3
    sys.exit(status if isinstance(status, int) else 0)


if __name__ == "__main__":
    main()
