"""What is installed: every file that the package needs, and commands that work where nothing else is."""

from __future__ import annotations

import fnmatch
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("model", "impl", "conformance")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def tracked() -> list[str]:
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("no git checkout")
    return done.stdout.splitlines()


def installed() -> set[str]:
    """The files of the package as they should be installed: `model/…` as `cowpath/model/…`."""
    files = [path for path in tracked() if path.partition("/")[0] in (*ROOMS, "cowpath")]
    files = [path for path in files if not (ROOT / path).is_symlink()]
    return {path if path.startswith("cowpath/") else f"cowpath/{path}" for path in files}


def test_every_file_beside_the_modules_is_named_as_data() -> None:
    data = PROJECT["tool"]["setuptools"]["package-data"]
    patterns = [f"{package.replace('.', '/')}/{one}" for package, given in data.items() for one in given]
    others = {path for path in installed() if not path.endswith(".py")}
    assert len(others) > 40
    assert {p for p in others if not any(fnmatch.fnmatch(p, pattern) for pattern in patterns)} == set()


def test_the_version_is_in_the_changelog() -> None:
    assert f"## {PROJECT['project']['version']}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_python_that_is_wanted_is_said_alike() -> None:
    assert PROJECT["project"]["requires-python"] == ">=3.11"
    assert "(3, 11)" in (ROOT / "Makefile").read_text()
    assert "Python 3.11 or newer" in (ROOT / "README.md").read_text()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a source distribution of what git tracks, and the wheel made from that."""
    source = tmp_path_factory.mktemp("source")
    for path in tracked():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, source / path, follow_symlinks=False)
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--outdir", str(out), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return out


@pytest.mark.lengthy
@pytest.mark.xdist_group("packaging")
def test_wheel_and_source_have_every_file(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    (source,) = built.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as inside:
        assert {name for name in inside.namelist() if ".dist-info/" not in name} == installed()
    with tarfile.open(source) as inside_too:
        names = {name.partition("/")[2] for name in inside_too.getnames()}
    assert installed() <= names


@pytest.mark.lengthy
@pytest.mark.xdist_group("packaging")
def test_it_works_where_nothing_else_is(built: Path, tmp_path: Path) -> None:
    """In a bare environment, in a folder whose own modules have our rooms' names."""
    venv.create(tmp_path / "bare", with_pip=True)
    run = tmp_path / "bare" / "bin"
    (wheel,) = built.glob("*.whl")
    subprocess.run([run / "python", "-m", "pip", "install", "-q", wheel], check=True, timeout=900)
    here = tmp_path / "here"
    here.mkdir()
    for name in (*ROOMS, "scenarios", "commands"):
        (here / f"{name}.py").write_text("raise SystemExit('a file of the user is imported')\n")

    def cowpath(*arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            [run / "cowpath", *arguments], cwd=here, capture_output=True, text=True, timeout=300, check=False
        )
        assert not done.stderr
        return done.returncode, done.stdout

    assert cowpath("--version") == (0, f"cowpath, version {PROJECT['project']['version']}\n")
    assert cowpath("scenarios")[0] == 0
    assert cowpath("check", "rfc-2016", "rfc-repaired", "--scenario", "unaligned-write")[0] == 1
    assert "</html>" in cowpath("trace", "rfc-2016", "--scenario", "unaligned-write", "--format", "html")[1]
    assert cowpath("report", "rfc-repaired", "--scenario", "race")[0] == 0
    assert cowpath("conform", "rfc-repaired", "--scenario", "race", "--schedules", "50")[0] == 0
    assert cowpath("mutants", "the-newest-leaves-the-node", "--seeds", "1", "--strategy", "portfolio")[0] == 0
    assert cowpath("replay", "rfc-2016", "--scenario", "unaligned-write")[0] == 0
    assert cowpath("prove", "rfc-2016", "--theorem", "termination")[0] == 0
    assert cowpath("serve", "--help")[0] == 0
