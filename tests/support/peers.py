"""Clients that we did not write, each in a virtual environment of its own.

They are installed from locks/ when a test first asks for them, beside the libraries of
the environment that runs the tests, and stay there: a later run finds them.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

FOLDER = Path(sys.prefix) / "peers"
LOCKS = Path(__file__).parents[2] / "locks"


@cache
def python_with(group: str) -> Path:
    """The interpreter of an environment that has what a dependency group of pyproject.toml asks for."""
    lock_file = LOCKS / f"{group}.txt"
    digest = hashlib.sha256(sys.version.encode() + lock_file.read_bytes()).hexdigest()[:12]
    folder = FOLDER / f"{group}-{digest}"
    python = folder / "bin" / "python"
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / f"{group}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several workers may ask at once
        ready = folder / "ready"
        if not ready.exists():
            _run(sys.executable, "-m", "venv", "--clear", "--without-pip", str(folder))
            pip = (sys.executable, "-m", "pip", "--quiet", "--python", str(python))
            _run(*pip, "install", "--require-hashes", "--requirement", str(lock_file))
            ready.touch()
    return python


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"


def run_driver(python: Path, driver: Path, *args: str, environ: Mapping[str, str]) -> str:
    """What a program prints that drives a client; it has to end well."""
    base = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(
        [python, driver, *args], env={**base, **environ}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout
