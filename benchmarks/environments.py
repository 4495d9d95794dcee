"""What is compared, each in a virtual environment of its own under .venv/bench."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
FOLDER = REPOSITORY / ".venv" / "bench"
CLIENTS = Path(__file__).parent / "clients"
REQUIREMENTS = {
    "dbjobs": str(REPOSITORY),
    "legacy": "databricks-cli==0.18.0",
    "sdk": "databricks-sdk",
    "plain": "requests",
}
"""By name, what is installed; the newest version of what names none."""


@dataclass(frozen=True)
class Environments:
    """The virtual environments, and the URL of the server that all of them ask."""

    url: str

    def python(self, name: str) -> str:
        return str(FOLDER / name / "bin" / "python")

    def program(self, name: str) -> str:
        return str(FOLDER / name / "bin" / ("databricks" if name == "legacy" else name))

    def client(self, name: str, script: str, *args: object) -> list[str]:
        """A script of benchmarks/clients in an environment."""
        return [self.python(name), str(CLIENTS / script), *map(str, args)]

    @property
    def environ(self) -> dict[str, str]:
        """All that a client gets to know; no home, no proxy, no settings of anybody's."""
        home = FOLDER / "home"
        home.mkdir(exist_ok=True)
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "LC_ALL": "C.UTF-8",
            "DATABRICKS_HOST": self.url,
            "DATABRICKS_TOKEN": "dapi-of-the-benchmark",
        }

    @property
    def legacy_environ(self) -> dict[str, str]:
        """The legacy CLI loses the port of its host, so it goes through a proxy: the workspace itself."""
        return {**self.environ, "DATABRICKS_HOST": "http://workspace.test", "HTTP_PROXY": self.url}


def set_up() -> None:
    """Make what is not there; dbjobs itself is installed anew, as users get it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, requirement in REQUIREMENTS.items():
        if not (FOLDER / name / "ready").exists():
            _run(sys.executable, "-m", "venv", "--clear", "--without-pip", str(FOLDER / name))
            _pip(name, requirement)
            (FOLDER / name / "ready").touch()
    _pip("dbjobs", "--no-deps", "--force-reinstall", REQUIREMENTS["dbjobs"])


def versions() -> list[str]:
    """`databricks-sdk 0.1`, and so on, of what was measured."""
    wanted = {"dbjobs": ("dbjobs", "typer", "requests", "rich"), "legacy": ("databricks-cli",)}
    wanted |= {"sdk": ("databricks-sdk",), "plain": ("requests",)}
    code = (
        "import sys; from importlib.metadata import version; "
        "print(*(f'{name} {version(name)}' for name in sys.argv[1:]), sep=', ')"
    )
    return [
        f"{name}: {_run(str(FOLDER / name / 'bin' / 'python'), '-c', code, *packages).strip()}"
        for name, packages in wanted.items()
    ]


@contextmanager
def workspace() -> Iterator[Environments]:
    """A server of prepared answers, in a process of its own."""
    command = [sys.executable, str(Path(__file__).parent / "canned.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield Environments(process.stdout.readline().strip())
        finally:
            process.terminate()


def _pip(name: str, *args: str) -> None:
    python = str(FOLDER / name / "bin" / "python")
    _run(sys.executable, "-m", "pip", "--quiet", "--python", python, "install", "--compile", *args)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
    return done.stdout
