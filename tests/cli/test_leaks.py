"""The search for secrets in all that the tests print, log and write: does it find them?"""

import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest

from tests.support.leaks import has_secret
from tests.support.secrets import secret

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize("before", ["", "a", "ab", "abc", "client:"])
@pytest.mark.parametrize("after", ["", "x", "xy"])
def test_a_secret_is_found_plain_and_encoded(before: str, after: str) -> None:
    text = before + secret("dapi") + after

    assert has_secret(text)
    assert has_secret(f"Basic {b64encode(text.encode()).decode()}")
    assert not has_secret("nothing of the kind")


LEAKS = {
    "printed": "print(secret('a'))",
    "logged": "logging.getLogger().warning(secret('a'))",
    "written": "(tmp_path / 'run.log').write_text(secret('a'))",
    "printed by dbjobs": "subprocess.run([sys.executable, '-c', script, 'dbjobs'], capture_output=True)",
    "kept where it belongs": "(tmp_path / 'config.yaml').write_text(secret('a'))",
}


def test_a_test_that_lets_a_secret_out_fails(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("leak")  # tmp_path would be searched as well
    tests = [f"def test_{number}(tmp_path):\n    {leak}\n" for number, leak in enumerate(LEAKS.values())]
    (folder / "test_it.py").write_text(
        "import logging, subprocess, sys\n"
        "from tests.support.secrets import secret\n"
        'script = \'print("secret-of-" + "the-tests")\'\n' + "".join(tests)
    )
    command = [sys.executable, "-m", "pytest", "-p", "tests.support.leaks", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "--rootdir", folder, "--basetemp", folder / "temp", folder / "test_it.py"],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=False,
    )
    noticed = [
        leak for number, leak in enumerate(LEAKS) if f"ERROR at teardown of test_{number} " in done.stdout
    ]
    assert noticed == [leak for leak in LEAKS if leak != "kept where it belongs"], done.stdout
    assert done.stdout.count("\na secret of the tests shows in") == len(noticed)
    assert f"{len(LEAKS)} passed, {len(noticed)} errors" in done.stdout
