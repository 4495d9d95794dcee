"""Shell completion: candidates for the word that is being typed.

The shell's script asks through the environment: `_DBJOBS_COMPLETE` names the shell, the words are in
other variables. The first line of the answer is `words`, followed by the candidates, one a line, or
`files` or `folders`, which the shell completes itself. Somebody is waiting for the answer, so no
command is loaded and no request is sent: commands.json, made by docs/generate.py, describes the
commands, and the cache has the jobs and runs that earlier commands saw.
"""

import io
import os
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, suppress


def complete(environ: Mapping[str, str] = os.environ) -> str:
    """The answer to the shell's question; no candidates if anything goes wrong."""
    from dbjobs.cli.completion.answer import NOTHING, answer

    with suppress(Exception), redirect_stderr(io.StringIO()):
        return answer(environ)
    return NOTHING


def main() -> None:
    """Answer on stdout, in UTF-8 whatever the locale: the words are the user's own."""
    with suppress(OSError):
        sys.stdout.buffer.write(complete().encode("utf-8", "surrogateescape"))
        sys.stdout.flush()
