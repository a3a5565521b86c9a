"""The folder of kept answers: damaged files, killed and concurrent processes, the bound on its size."""

from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path

import pytest

from cowpath.model.kept.store import Store
from cowpath.model.language.errors import InputError

NAME = "ab" * 20


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_what_is_put_is_got(tmp_path: Path) -> None:
    store = Store(tmp_path / "new" / "folder")
    assert store.get(NAME) is None
    store.put(NAME, b"answer")
    assert store.get(NAME) == Store(tmp_path / "new" / "folder").get(NAME) == b"answer"
    assert (tmp_path / "new" / "folder").stat().st_mode & 0o077 == 0


def test_what_is_damaged_is_not_kept(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(NAME, b"answer")
    (path,) = files(tmp_path)
    whole = path.read_bytes()
    flipped = [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(len(whole))]
    for damaged in [b"", *(whole[:at] for at in range(len(whole))), whole + b" ", *flipped]:
        path.write_bytes(damaged)
        assert store.get(NAME) is None
        store.put(NAME, b"answer")
        assert store.get(NAME) == b"answer"


def test_an_answer_under_another_name_is_not_kept(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(NAME, b"answer")
    (path,) = files(tmp_path)
    path.rename(path.with_name("cd" * 19))
    assert store.get("ab" + "cd" * 19) is None


def test_what_cannot_be_kept_is_no_error(tmp_path: Path) -> None:
    store = Store(tmp_path)
    (tmp_path / NAME[:2]).write_text("a file where there should be a folder")
    store.put(NAME, b"answer")
    assert store.get(NAME) is None


def test_the_longest_unused_go_first(tmp_path: Path) -> None:
    names = [f"{n:02x}" * 20 for n in range(8)]
    for n, name in enumerate(names):
        Store(tmp_path, most_files=8).put(name, b"x")
        path = tmp_path / name[:2] / name[2:]
        os.utime(path, (n, n))
    assert Store(tmp_path).get(names[0]) == b"x"  # which makes it the latest in use
    Store(tmp_path, most_files=7).put("ff" * 20, b"x")
    left = [name for name in names if (tmp_path / name[:2] / name[2:]).exists()]
    assert left == [names[0], *names[4:]]
    Store(tmp_path, most_bytes=17).put("fe" * 20, b"x")
    assert len(files(tmp_path)) == 1


def test_what_a_killed_process_has_left_goes_after_an_hour(tmp_path: Path) -> None:
    Store(tmp_path).put(NAME, b"answer")
    old, new = tmp_path / NAME[:2] / ".old", tmp_path / NAME[:2] / ".new"
    old.write_bytes(b"half")
    new.write_bytes(b"half")
    os.utime(old, (time.time() - 4000,) * 2)
    Store(tmp_path).put("cd" * 20, b"other")
    assert not old.exists()
    assert new.exists()
    assert Store(tmp_path).get(NAME) == b"answer"


def _use(folder: Path, number: int) -> None:
    for again in range(40):
        store = Store(folder, most_files=10)  # tidies at its first answer
        name = f"{again % 16:02x}" * 20
        store.put(name, name.encode() * 100)
        found = store.get(f"{(again + number) % 16:02x}" * 20)
        assert found is None or len(found) == 4000
    os._exit(0)


def test_processes_share_it(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    crew = [context.Process(target=_use, args=(tmp_path, number)) for number in range(4)]
    for process in crew:
        process.start()
    for process in crew:
        process.join()
    assert [process.exitcode for process in crew] == [0] * 4


def test_a_folder_that_others_can_write_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(InputError, match="yours alone"):
        Store(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"Not a directory|File exists"):
        Store(tmp_path / "file")
