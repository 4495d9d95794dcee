"""`dbjobs`, and `python -m dbjobs`."""

import gc
import os
import signal
import sys
import warnings

GC_THRESHOLD = 10_000
"""Objects between two collections: loading modules leaves no garbage, and collecting took 8 % of a call."""

UNUSED = ("chardet", "charset_normalizer")
"""requests would load them to guess encodings, which dbjobs never needs; it took 7 % of a call."""


def main() -> None:
    """Run a command, or answer a shell's question for completion without loading any command."""
    if sys.version_info < (3, 10):  # noqa: UP036  # pip refuses an older Python, but a zipapp is just started
        found = f"{sys.version_info[0]}.{sys.version_info[1]}"
        sys.stderr.write(
            f"error: dbjobs needs Python 3.10 or later, and this is {found}: call python3.12 {sys.argv[0]}\n"
        )
        sys.exit(3)
    handler = signal.getsignal(signal.SIGINT)
    _end_at_ctrl_c()
    try:
        from dbjobs.output.stdio import install_streams  # which an older Python could not read

        install_streams()
        if "_DBJOBS_COMPLETE" in os.environ:
            from dbjobs.cli.completion import main as answer

            return answer()
        gc.set_threshold(GC_THRESHOLD)
        for name in UNUSED:
            sys.modules[name] = None  # type: ignore[assignment]  # as if it were not installed
        warnings.filterwarnings("ignore", "Unable to find acceptable character detection")
        from dbjobs.cli.app import main as run

        signal.signal(signal.SIGINT, handler)
        try:
            run()
        finally:
            _end_at_ctrl_c()
    except KeyboardInterrupt:  # while the handler of the first was replaced
        _end_at_ctrl_c()
        sys.exit(130)


def _end_at_ctrl_c() -> None:
    """While modules are loaded and while Python ends, Ctrl-C ends the process: a traceback helps nobody."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is to be ignored, as by nohup
        signal.signal(signal.SIGINT, signal.SIG_DFL)


if __name__ == "__main__":
    main()
