"""What is installed is whole: files, types, manual pages, and a demo that works from any home."""

import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

import pytest

from dbjobs import PUBLIC, __version__

REPO = Path(__file__).parents[2]
TOOLS = REPO / "build" / "tools" / "bin"
NETWORK = re.compile(r"(PIP|UV|SSL)_|.*_CA_BUNDLE|.*_proxy", re.IGNORECASE)
PYTHONS = [
    str(found[0])
    for minor in range(10, 15)
    if (
        found := [
            *Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python"),
            *filter(None, [shutil.which(f"python3.{minor}")]),
        ]
    )
]


def call(command: Sequence[object], **environ: str) -> "subprocess.CompletedProcess[str]":
    """In an environment of which nothing is left but the path, and the way to the network."""
    kept = {name: value for name, value in os.environ.items() if name == "PATH" or NETWORK.match(name)}
    env = {"LC_ALL": "C.UTF-8", **kept, **environ}
    return subprocess.run(
        [str(part) for part in command],
        cwd=environ.get("HOME", REPO),
        env=env,
        capture_output=True,
        encoding="utf-8",
        timeout=600,
        check=False,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As pip builds it, from a copy of the sources, since a build may leave something behind."""
    folder = tmp_path_factory.mktemp("wheel")
    done = call([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder])
    assert done.returncode == 0, done.stderr
    (file,) = folder.glob("*.whl")
    return file


def test_the_wheel_holds_what_runs_and_what_is_read(wheel: Path) -> None:
    names = set(ZipFile(wheel).namelist())
    data = f"dbjobs-{__version__}.data/data/share"

    package = {path.relative_to(REPO).as_posix() for path in (REPO / "dbjobs").rglob("*") if path.is_file()}
    assert {name for name in package if "__pycache__" not in name} <= names
    assert "dbjobs/py.typed" in names
    demo = {path.relative_to(REPO).as_posix() for path in (REPO / "examples" / "demo").rglob("*.*")}
    assert {f"dbjobs/{name}" for name in demo if "__pycache__" not in name} <= names
    pages = (REPO / "docs" / "man").glob("*.1")
    assert {f"{data}/man/man1/{page.name}" for page in pages} <= names
    assert f"{data}/bash-completion/completions/dbjobs" in names
    assert f"{data}/zsh/site-functions/_dbjobs" in names
    assert f"{data}/fish/vendor_completions.d/dbjobs.fish" in names
    assert not {name for name in names if "__pycache__" in name or name.startswith("tests")}


def test_the_wheel_runs_where_there_is_no_checkout(wheel: Path, tmp_path: Path) -> None:
    with ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    asked = "import dbjobs.cli.demo as demo; print(demo.examples_folder())"

    for command in (["-m", "dbjobs", "--version"], ["-c", asked]):
        done = call([sys.executable, *command], HOME=str(tmp_path), PYTHONPATH=str(tmp_path / "site"))
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout in (f"dbjobs {__version__}\n", f"{tmp_path / 'site' / 'dbjobs' / 'examples'}\n")


def test_a_strictly_typed_program_passes_with_the_installed_wheel(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv")
    (site,) = (tmp_path / "venv").glob("[Ll]ib/**/site-packages")
    with ZipFile(wheel) as archive:
        archive.extractall(site)
    (python,) = [*(tmp_path / "venv").glob("bin/python"), *(tmp_path / "venv").glob("Scripts/python.exe")]
    program = tmp_path / "program.py"
    program.write_text(
        f"from dbjobs import {', '.join(PUBLIC)}\n"
        "def main(client: Client) -> int:\n"
        "    result: Result = client.run('nightly', {'day': 1}).wait(timeout=5)\n"
        "    causes: list[str] = [failure.cause for failure in result.failures]\n"
        "    client.cancel(result.unfinished[0])\n"
        "    return int(result.exit_code) + len(causes)\n"
    )
    check = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache"]
    done = call([*check, "--python-executable", python, program], HOME=str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "Success: no issues found in 1 source file\n")

    program.write_text("from dbjobs import Client\nClient().run(job={}).result\n")
    done = call([*check, "--python-executable", python, program], HOME=str(tmp_path))
    assert done.returncode == 1
    assert 'incompatible type "dict[Never, Never]"' in done.stdout, "the types are those of the package"


def test_the_dockerfile_copies_what_is_there_and_runs_what_there_is() -> None:
    text = (REPO / "Dockerfile").read_text("utf-8")
    instructions = [line.split(" ", 1) for line in text.splitlines() if line and not line.startswith("#")]

    known = ("FROM", "COPY", "RUN", "USER", "WORKDIR", "ENTRYPOINT")
    assert all(name in known for name, _ in instructions)
    assert instructions[-1] == ["ENTRYPOINT", '["dbjobs"]']
    extras = re.findall(r"/src\[(\w+)\]", text)
    assert all(f"\n{extra} = [" in (REPO / "pyproject.toml").read_text("utf-8") for extra in extras)
    ignored = (REPO / ".dockerignore").read_text("utf-8").split()
    assert {".git", ".venv", "build"} <= set(ignored)


# Every way to install it: minutes long, and over the network


@pytest.fixture
def fresh() -> Iterator[Path]:
    """A new home, without caches; not in the folder of the tests, which is searched for their secrets."""
    with TemporaryDirectory(prefix="dbjobs-home-") as folder:
        yield Path(folder)


def check_demo(program: Sequence[object], home: Path) -> None:
    """It runs, completes, and its demo succeeds."""
    version = call([*program, "--version"], HOME=str(home))
    assert (version.returncode, version.stdout) == (0, f"dbjobs {__version__}\n")
    offered = call(program, HOME=str(home), _DBJOBS_COMPLETE="fish", _DBJOBS_WORDS="ru")
    assert offered.stdout.startswith("words\nruns\t")
    demo = call([*program, "demo"], HOME=str(home))
    assert demo.returncode == 0, demo.stderr
    assert demo.stdout.endswith("\tTERMINATED\tSUCCESS\n")


def installed(command: Sequence[object], home: Path, **environ: str) -> None:
    done = call(command, HOME=str(home), **environ)
    assert done.returncode == 0, done.stdout + done.stderr


def readme_lines() -> list[str]:
    """What README tells to type to install it."""
    text = (REPO / "README.md").read_text("utf-8")
    return re.findall(r"((?:pipx|uv tool) install [^`\n#]*?)[`\n ]*(?=[`\n#)]|$)", text)


@pytest.mark.packages
@pytest.mark.parametrize("line", readme_lines())
def test_an_install_line_of_the_readme_ends_in_a_working_demo(line: str, fresh: Path) -> None:
    tool, *rest = line.replace("'", "").split()
    words = [word.replace(".", str(REPO), 1) if word.startswith(".") else word for word in rest]
    installed([TOOLS / tool, *words], fresh)

    check_demo([fresh / ".local" / "bin" / "dbjobs"], fresh)


@pytest.mark.packages
@pytest.mark.parametrize("python", PYTHONS, ids=str)
def test_the_wheel_works_with_every_python_there_is(python: str, wheel: Path, fresh: Path) -> None:
    installed([TOOLS / "uv", "venv", "--python", python, fresh / "venv"], fresh)
    installed([TOOLS / "uv", "pip", "install", f"{wheel}[sandbox]"], fresh, VIRTUAL_ENV=str(fresh / "venv"))

    check_demo([fresh / "venv" / "bin" / "dbjobs"], fresh)
    check_demo([fresh / "venv" / "bin" / "python", "-m", "dbjobs"], fresh)
    assert (fresh / "venv" / "share" / "man" / "man1" / "dbjobs.1").is_file()


@pytest.mark.packages
def test_the_sdist_builds_a_wheel_that_works(fresh: Path) -> None:
    installed([TOOLS / "pyproject-build", "--outdir", fresh / "dist", REPO], fresh)
    (sdist,) = (fresh / "dist").glob("*.tar.gz")
    installed([TOOLS / "pipx", "install", f"{sdist}[sandbox]"], fresh)

    check_demo([fresh / ".local" / "bin" / "dbjobs"], fresh)


@pytest.mark.packages
def test_the_zipapp_is_one_file_that_works(fresh: Path) -> None:
    done = subprocess.run(["make", "zipapp"], cwd=REPO, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shutil.copy(REPO / "dist" / "dbjobs.pyz", fresh / "dbjobs")

    check_demo([fresh / "dbjobs"], fresh)
