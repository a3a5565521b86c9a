"""Where a scenario is found: in a file, or among the bundled ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from cowpath.model import scenarios
from cowpath.model.scenarios import ScenarioError, bundled, find, load
from tests.scenarios.texts import READ, one_line, top

# -- files


def test_load_names_the_file_and_takes_its_stem(tmp_path: Path) -> None:
    path = tmp_path / "07-small.toml"
    path.write_text(top(READ), encoding="utf-8")
    assert load(path).slug == "07-small"
    assert load(str(path)) == load(path)
    path.write_text(top("speed = 1\n" + READ), encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load(path)
    assert one_line(caught.value).startswith(f"{path}: speed: unknown key")


def test_unreadable_files_are_scenario_errors(tmp_path: Path) -> None:
    latin = tmp_path / "latin.toml"
    latin.write_bytes('name = "é"'.encode("latin-1"))
    for path, says in [
        (tmp_path / "none.toml", "No such file"),
        (tmp_path, "Is a directory"),
        (latin, "byte 8 is not UTF-8"),
        (Path("nul\0.toml"), "null byte"),
    ]:
        with pytest.raises(ScenarioError) as caught:
            load(path)
        assert one_line(caught.value).startswith(f"{path}: ")
        assert says in str(caught.value)


# -- the bundled ones


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(scenarios, "_FOLDER", tmp_path)
    (tmp_path / "02-late-read.toml").write_text(top(READ).replace("small", "Late Read!"), encoding="utf-8")
    (tmp_path / "01-early.toml").write_text(top(READ), encoding="utf-8")
    (tmp_path / "notes.txt").write_text("not a scenario", encoding="utf-8")
    return tmp_path


def test_bundled_scenarios_are_all_good_and_distinct() -> None:
    found = bundled()
    assert found is bundled()
    assert len({scenario.slug for scenario in found}) == len(found)
    for scenario in found:
        assert find(scenario.slug) is scenario
        assert find(scenario.name.upper()) is scenario


def test_bundled_scenarios_come_in_file_order_without_their_numbers(folder: Path) -> None:
    assert [scenario.slug for scenario in bundled()] == ["early", "late-read"]
    assert bundled() is bundled()


def test_find_takes_a_slug_a_name_or_a_path(folder: Path) -> None:
    early, late = bundled()
    assert find("EARLY") is early
    assert find("late-read") is late
    assert find("late read!") is late
    assert find(str(folder / "02-late-read.toml")).slug == "02-late-read"


def test_find_lists_what_there_is(folder: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        find("late-raed")
    assert one_line(caught.value) == (
        "unknown scenario 'late-raed' (did you mean 'late-read'?);"
        " accepted: early, late-read, a path ending in .toml, or - for stdin"
    )
    with pytest.raises(ScenarioError, match=r"cannot read a scenario"):
        find(str(folder / "03-none.toml"))


def test_two_bundled_scenarios_may_not_share_a_name(folder: Path) -> None:
    (folder / "03-early.toml").write_text(top(READ).replace("small", "other"), encoding="utf-8")
    with pytest.raises(ScenarioError, match=r"03-early\.toml: 'early' also names .*01-early\.toml"):
        bundled()
