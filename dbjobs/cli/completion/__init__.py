"""Completion: what may stand next on a line that somebody is typing.

The shell's script asks through the environment: `_DBJOBS_COMPLETE` names the shell, the words come
beside it. The answer's first line says what to offer: `words`, which follow, a line each, or the
`files` or `folders` that the shell itself knows. It has to come while somebody waits for it, so
nothing of the commands is loaded: `commands.json` tells of them, made by docs/generate.py.
"""

import io
import os
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, suppress


def complete(environ: Mapping[str, str] = os.environ) -> str:
    """The answer to the shell's question; nothing to offer if anything goes wrong."""
    from dbjobs.cli.completion.answer import NOTHING, answer

    with suppress(Exception), redirect_stderr(io.StringIO()):
        return answer(environ)
    return NOTHING


def main() -> None:
    """Answer on stdout, in UTF-8 whatever the locale: the words are the user's own."""
    with suppress(OSError):
        sys.stdout.buffer.write(complete().encode("utf-8", "surrogateescape"))
        sys.stdout.flush()
