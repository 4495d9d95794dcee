"""From a shell's request for completion to the response in its format."""

import re
from collections.abc import Mapping

from dbjobs.cli.completion.bash import TypedWords, quote, split_line
from dbjobs.cli.completion.candidates import find_candidates

SHELL_VARIABLE = "_DBJOBS_COMPLETE"

SEPARATOR = "\x1f"
"""Between the words: a control character, which no word contains."""

NOTHING = "words\n"
MAX_HELP = 60


def answer(environ: Mapping[str, str]) -> str:
    """The candidates, in the form of the shell that asks."""
    shell = environ[SHELL_VARIABLE]
    if shell == "bash":
        typed = split_line(environ["_DBJOBS_LINE"], environ.get("_DBJOBS_BREAKS", ""))
    else:
        *words, current = environ["_DBJOBS_WORDS"].split(SEPARATOR)
        typed = TypedWords(words, re.sub(r"^[\"']", "", current))
    candidates = find_candidates(typed.words, typed.current, environ)
    lines = []
    for word, help_text in candidates.words:
        help_line = " ".join(help_text.partition("  [")[0].split()).rstrip(".;")
        if len(help_line) > MAX_HELP:
            help_line = help_line[: MAX_HELP - 1].rstrip() + "…"
        if shell == "bash":
            lines.append(quote(word, typed))
        elif shell == "zsh":  # as `_describe` wants it: the first colon separates the word from its help
            escaped = word.replace("\\", "\\\\").replace(":", "\\:")
            lines.append(f"{escaped}:{help_line}" if help_line else escaped)
        else:
            lines.append(f"{word}\t{help_line}" if help_line else word)
    return "\n".join(["words" if lines else candidates.kind, *lines, ""])
