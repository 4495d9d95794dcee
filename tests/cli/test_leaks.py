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


@pytest.mark.parametrize("leak", LEAKS)
def test_a_test_that_lets_a_secret_out_fails(leak: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("leak")
    (folder / "test_it.py").write_text(
        "import logging, subprocess, sys\n"
        "from tests.support.secrets import secret\n"
        'script = \'print("secret-of-" + "the-tests")\'\n'
        f"def test_it(tmp_path):\n    {LEAKS[leak]}\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.support.leaks", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "--rootdir", folder, "--basetemp", folder / "temp", folder / "test_it.py"],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=False,
    )
    is_fine = leak == "kept where it belongs"
    assert (done.returncode == 0) is is_fine, done.stdout
    assert ("a secret of the tests shows in" in done.stdout) is not is_fine
