"""Files that are written whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import click

from cowpath.model.language.errors import InputError


class OutputError(InputError):
    """There is nowhere to write; the message is one line."""


def check_file(path: str, option: str) -> None:
    """Raise `OutputError` unless a file can be written at the path."""
    target = Path(path)
    if path in ("", "-") or os.path.isdir(path):  # a file of that name is never what was meant
        raise OutputError(f"{option}: '{path}' is not a file's path")
    if not os.path.isdir(target.parent) or not os.access(target.parent, os.W_OK):
        raise OutputError(f"{option}: '{target.parent}' is not a folder that can be written to")


def check_json(path: str | None) -> None:
    """Raise `OutputError` unless what `--json` says can be written to: nothing, "-", or a file's path."""
    if path not in (None, "-"):
        check_file(str(path), "--json")


def write_json(path: str | None, data: object) -> bool:
    """Write the data where `--json` says. Return whether standard output is left for people.

    Raises `OutputError` as `write` does.
    """
    written = json.dumps(data, indent=1) + "\n"
    if path == "-":
        click.echo(written, nl=False)
        return False
    if path is not None:
        write(path, written)
    return True


def make_folder(path: str, option: str) -> Path:
    """Return the folder, made if need be; raises `OutputError` if it cannot be written to."""
    if not path:
        raise OutputError(f"{option}: '' is not a folder's path")
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{option}: '{folder}' cannot be made a folder: {error.strerror}") from None
    if not os.access(folder, os.W_OK):
        raise OutputError(f"{option}: '{folder}' is not a folder that can be written to")
    return folder


def write(path: str | Path, content: str | bytes) -> None:
    """Write the file: to a temporary one beside it, then renamed. Links are followed, devices written to.

    Text is written in UTF-8. Raises `OutputError`; nothing is left behind then.
    """
    target = Path(path)
    data = content.encode() if isinstance(content, str) else content
    try:
        if target.exists() and not target.is_file():
            target.write_bytes(data)
            return
        target = target.resolve()
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
            temporary = Path(file.name)
            try:
                file.write(data)
                file.flush()
                temporary.chmod(target.stat().st_mode if target.exists() else 0o666 & ~_umask())
                temporary.replace(target)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise OutputError(f"'{path}' cannot be written: {error.strerror}") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
