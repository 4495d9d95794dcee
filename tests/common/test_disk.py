"""Where reports and other files are written: what is there already decides how."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from dbjobs.common.files import write_whole
from dbjobs.errors import UsageError
from tests.conftest import Dbjobs, Serve
from tests.support.fakes import by_endpoint
from tests.support.payloads import RUN_ID, run, task

REPLIES = {"runs/get": run("TERMINATED", "SUCCESS", task("main", "TERMINATED", "SUCCESS"))}
WAIT = ["runs", "wait", str(RUN_ID), "--progress", "none"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_device_is_written_into_and_stays_one(dbjobs: Dbjobs, serve: Serve) -> None:
    device = Path("/dev/null").stat()
    serve(by_endpoint(REPLIES))
    result = dbjobs(*WAIT, "--junit", "/dev/null")
    assert (result.exit_code, "warning" in result.stderr) == (0, False)
    assert os.path.samestat(Path("/dev/null").stat(), device)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_a_full_device_is_a_warning(dbjobs: Dbjobs, serve: Serve) -> None:
    serve(by_endpoint(REPLIES))
    result = dbjobs(*WAIT, "--junit", "/dev/full")
    assert result.exit_code == 0
    assert "cannot write /dev/full: No space left on device" in result.stderr
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
@pytest.mark.parametrize("is_file", [True, False], ids=["file", "pipe"])
def test_standard_output_gets_a_report_beside_the_result(serve: Serve, name: str, is_file: bool) -> None:
    if not Path(name).exists():
        pytest.skip(f"this system has no {name}")
    serve(by_endpoint(REPLIES))
    with Path("out").open("w+b") as out:
        done = subprocess.run(
            [sys.executable, "-m", "dbjobs", *WAIT, "--junit", name],
            stdout=out if is_file else subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=300,
            check=False,
        )
    text = Path("out").read_bytes() if is_file else done.stdout
    assert (done.returncode, b"warning" in done.stderr) == (0, False)
    assert text.startswith(f"{RUN_ID}\tTERMINATED\tSUCCESS\n<?xml".encode())


def test_a_fifo_is_written_into_if_somebody_reads_it() -> None:
    os.mkfifo("fifo")
    with pytest.raises(UsageError, match="cannot write fifo: nothing reads from it"):
        write_whole(Path("fifo"), b"lost", overwrite=True)
    reader = os.open("fifo", os.O_RDONLY | os.O_NONBLOCK)
    write_whole(Path("fifo"), b"told", overwrite=True)
    assert os.read(reader, 100) == b"told"
    os.close(reader)
    assert stat.S_ISFIFO(Path("fifo").stat().st_mode)


@pytest.mark.parametrize("is_dangling", [True, False])
def test_a_link_stays_and_its_target_is_written(folder: Path, is_dangling: bool) -> None:
    target = folder / "target"
    if not is_dangling:
        target.write_bytes(b"old")
    Path("link").symlink_to(target)
    write_whole(Path("link"), b"new", overwrite=True)
    assert Path("link").is_symlink()
    assert target.read_bytes() == b"new"
    assert sorted(path.name for path in folder.iterdir()) == ["link", "target"]


@pytest.mark.parametrize("mode", [0o644, 0o664, 0o600, 0o755])
def test_permissions_of_an_existing_file_are_kept(mode: int) -> None:
    file = Path("report.html")
    file.write_bytes(b"old")
    file.chmod(mode)
    write_whole(file, b"new", overwrite=True)
    assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (b"new", mode)


def test_a_folder_that_takes_no_new_file_lets_one_be_written_in_place(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)  # as root, no folder refuses
    file = folder / "report.html"
    file.write_bytes(b"old and longer")
    write_whole(file, b"new", overwrite=True)
    assert file.read_bytes() == b"new"
    with pytest.raises(UsageError, match=r"cannot write .*other.html: Permission denied"):
        write_whole(folder / "other.html", b"new", overwrite=True)


def test_a_folder_in_the_way_is_said(folder: Path) -> None:
    (folder / "report.html").mkdir()
    with pytest.raises(UsageError, match=r"cannot write .*report.html: Is a directory"):
        write_whole(folder / "report.html", b"new", overwrite=True)
