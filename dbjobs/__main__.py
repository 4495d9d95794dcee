"""`dbjobs`, and `python -m dbjobs`."""

import gc
import os
import sys
import warnings

LESS_OFTEN = 10_000
"""Objects between two collections: loading modules leaves no garbage, and the search took 8 % of a call."""

UNUSED = ("chardet", "charset_normalizer")
"""requests would load them to guess encodings, which is never asked for here, and took 7 % of a call."""


def main() -> None:
    """The way in: a shell that asks for completion waits for no command to load."""
    if sys.version_info < (3, 10):  # noqa: UP036  # pip refuses an older Python, but a zipapp is just started
        found = f"{sys.version_info[0]}.{sys.version_info[1]}"
        sys.stderr.write(
            f"error: dbjobs needs Python 3.10 or later, and this is {found}: call python3.12 {sys.argv[0]}\n"
        )
        sys.exit(3)
    from dbjobs.output.descriptors import install_streams  # which an older Python could not read

    install_streams()
    if "_DBJOBS_COMPLETE" in os.environ:
        from dbjobs.cli.completion import main as answer

        answer()
    else:
        _load_less()
        from dbjobs.cli.app import main as run

        run()


def _load_less() -> None:
    gc.set_threshold(LESS_OFTEN)
    for name in UNUSED:
        sys.modules[name] = None  # type: ignore[assignment]  # as Python has it for what is not to be found
    warnings.filterwarnings("ignore", "Unable to find acceptable character detection")


if __name__ == "__main__":
    main()
