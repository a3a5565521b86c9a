"""Which questions are the same, and where answers are kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cowpath.model.designs import DESIGNS
from cowpath.model.kept import answers
from cowpath.model.kept.answers import Answers, current, keeping, of_user
from cowpath.model.kept.store import Store
from cowpath.model.kept.text import argument_text, system_text
from cowpath.model.language.errors import InputError
from tests.draws import some


def test_answers_are_kept_by_question(tmp_path: Path) -> None:
    known = Answers(Store(tmp_path))
    known.keep("one?", {"a": [1, None]})
    assert known.recall("one?") == Answers(Store(tmp_path)).recall("one?") == {"a": [1, None]}
    assert known.recall("two?") is None
    fresh = Answers(Store(tmp_path), fresh=True)
    assert fresh.recall("one?") is None
    fresh.keep("one?", 2)
    assert known.recall("one?") == 2


@pytest.mark.parametrize("part", ["_sources", "_versions"])
def test_another_program_asks_other_questions(
    part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Answers(Store(tmp_path))
    before.keep("one?", 1)
    monkeypatch.setattr(answers, part, lambda: b"other")
    assert Answers(Store(tmp_path)).recall("one?") is None


def test_a_program_whose_text_has_changed_meanwhile_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Answers(Store(tmp_path))
    monkeypatch.setattr(answers, "_sources", lambda: b"other")
    known.keep("one?", 1)
    assert known.recall("one?") is None


def test_what_the_program_is_made_of_is_in_every_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "part.py").write_text("a = 1")
    monkeypatch.setattr(answers, "_PROGRAM", tmp_path)
    first = answers._sources()
    (tmp_path / "part.py").write_text("a = 2")
    second = answers._sources()
    (tmp_path / "part.py").rename(tmp_path / "other.py")
    third = answers._sources()
    (tmp_path / "notes.md").write_text("no answer depends on it")
    assert len({first, second, third}) == 3
    assert answers._sources() == third


def test_where_the_users_answers_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert of_user(False, {"COWPATH_CACHE": ""}) is None
    of_user(False, {"XDG_CACHE_HOME": str(tmp_path / "xdg")})
    assert (tmp_path / "xdg" / "cowpath").is_dir()
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    of_user(False, {"XDG_CACHE_HOME": "not/absolute"})
    assert [path.name for path in (tmp_path / "home").rglob("*")][-1] == "cowpath"
    (tmp_path / "file").write_text("")
    assert of_user(False, {"XDG_CACHE_HOME": str(tmp_path / "file")}) is None
    with pytest.raises(InputError):
        of_user(False, {"COWPATH_CACHE": str(tmp_path / "file")})


def test_only_within_keeping(tmp_path: Path) -> None:
    assert current() is None
    known = Answers(Store(tmp_path))
    with keeping(known):
        assert current() is known
        with keeping(None):
            assert current() is None
        assert current() is known
    assert current() is None


def test_texts_are_the_same_whenever_they_are_recorded_and_differ_with_what_they_say() -> None:
    texts = set()
    for number, design in enumerate(DESIGNS.values()):
        if number % (6 // some(6, 6)):  # all of them with `--everything`
            texts.add(system_text(design.system))
            continue
        again = replace(design)
        assert again.system is not design.system
        text = system_text(design.system)
        assert text == system_text(again.system)
        texts.add(text)
        if design.proof is not None:
            assert again.proof is not None
            one, other = argument_text(design.system, design.proof), argument_text(again.system, again.proof)
            assert one == other
            less = replace(design.proof, invariants=design.proof.invariants[1:])
            assert argument_text(design.system, less) != one
        for action in design.system.actions[:5]:
            for guard in action.guard_names:
                assert system_text(design.system.without(action.label, guard)) != text
    assert len(texts) == len(DESIGNS)
