"""What is asked and answered before: a question is all that its answer depends on.

That is its own text, every file of this package, and the versions of what computes. Only complete answers may
be kept, never what a limit has left open. Nothing is looked up or kept outside of `keeping`, so neither is it
by whoever uses this package as a library, nor by a benchmark.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import os
import platform
import sys
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cowpath.model.kept.checkpoint import Checkpoint
from cowpath.model.kept.store import Store
from cowpath.model.language.errors import InputError

FOLDER = "COWPATH_CACHE"
"""The variable of the environment that names the folder; set but empty: nothing is kept."""
_COMPUTES = ("numpy", "llvmlite", "z3-solver")
_PROGRAM = Path(__file__).parent.parent
_current: Answers | None = None


class Answers:
    """Kept answers by question. `fresh`: those of before are not looked at, but replaced.

    `every`: seconds between the checkpoints of a search; None: there are none.
    """

    def __init__(self, store: Store, fresh: bool = False, every: float | None = None) -> None:
        self._store = store
        self._every = every
        self._fresh = fresh
        self._ours = _sources() + _versions()

    @property
    def resumed(self) -> bool:
        """Whether a command goes on from what is kept there, and from how far its searches were."""
        return self._every is not None

    def recall(self, question: str) -> Any:
        """Return the answer as plain data; None if there is none."""
        written = self.recall_bytes(question)
        try:
            return None if written is None else json.loads(zlib.decompress(written))
        except (ValueError, zlib.error):
            return None

    def keep(self, question: str, answer: Any) -> None:
        """Keep an answer, which must be plain data as JSON has it, and not None."""
        self.keep_bytes(question, zlib.compress(json.dumps(answer, separators=(",", ":")).encode(), 1))

    def recall_bytes(self, question: str) -> bytes | None:
        """Return the answer as it was kept."""
        return None if self._fresh else self._store.get(self._name(question))

    def keep_bytes(self, question: str, answer: bytes) -> None:
        """Keep an answer as it is."""
        if self._unchanged:
            self._store.put(self._name(question), answer)

    def checkpoint(self, question: str) -> Checkpoint | None:
        """Return the checkpoint of the search that answers the question, if there are to be any."""
        if self._every is None:
            return None
        return Checkpoint(self._store.folder / f"{self._name(question)}.npz", self._every)

    def _name(self, question: str) -> str:
        return hashlib.blake2b(self._ours + question.encode(), digest_size=20).hexdigest()

    @functools.cached_property
    def _unchanged(self) -> bool:
        """Whether this is still the text that the process has loaded, when it has its first answer."""
        return self._ours == _sources() + _versions()


def current() -> Answers | None:
    """Return what answers are kept in, if they are."""
    return _current


@contextmanager
def keeping(answers: Answers | None) -> Iterator[None]:
    """Look answers up and keep them, in this process and those that it forks; None: do not."""
    global _current
    before, _current = _current, answers
    try:
        yield
    finally:
        _current = before


def of_user(fresh: bool, environment: Mapping[str, str] = os.environ) -> Answers | None:
    """Return the user's answers; None if they are to be kept nowhere, or cannot be.

    They are in `COWPATH_CACHE`, else in the folder that the system has for such things (XDG Base Directory
    Specification). Raises `InputError` if the folder that is named cannot be used.
    """
    named = environment.get(FOLDER)
    if named == "":
        return None
    if named is not None:
        return Answers(Store(Path(named)), fresh)
    try:
        return Answers(Store(_usual(environment) / "cowpath"), fresh)
    except (InputError, RuntimeError):  # nobody has asked for it; RuntimeError: there is no home
        return None


def resuming(folder: Path, every: float = 30.0) -> Answers:
    """Return answers and checkpoints in a folder of their own, made if need be; none is thrown away.

    Raises `InputError` if the folder cannot be used.
    """
    return Answers(Store(folder, sys.maxsize, sys.maxsize), every=every)


def _usual(environment: Mapping[str, str]) -> Path:
    named = Path(environment.get("XDG_CACHE_HOME", ""))
    if named.is_absolute():  # others are to be passed over, says the specification
        return named
    return Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")


def _sources() -> bytes:
    return digest(_PROGRAM)


def digest(package: Path) -> bytes:
    """Return a digest of every file of a package's that an answer may come from."""
    found = hashlib.blake2b(digest_size=20)
    for folder, inside, files in os.walk(package):
        inside.sort()
        for name in sorted(files):
            if name.endswith((".py", ".toml")):
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    text = file.read()
                found.update(f"{os.path.relpath(path, package)} {len(text)} ".encode() + text)
    return found.digest()


@functools.cache
def _versions() -> bytes:
    return repr((sys.version, platform.machine(), [_version(name) for name in _COMPUTES])).encode()


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
