"""The shell's question read, answered, and put into the shell's own form."""

import re
from collections.abc import Callable, Mapping

from dbjobs.cli.completion.bash import Typed, quote, split_line
from dbjobs.cli.completion.candidates import Offer, find_offer

ASKED_BY = "_DBJOBS_COMPLETE"

SEPARATOR = "\x1f"
"""Stands between the words, for it stands in none."""

NOTHING = "words\n"
LONGEST_HELP = 60


def answer(environ: Mapping[str, str]) -> str:
    """What to offer, in the form of the shell that asks."""
    typed = _read(environ)
    offer = find_offer(typed.words, typed.current, environ)
    form = _FORMS[environ[ASKED_BY]]
    lines = [form(typed, word, _short(help_text)) for word, help_text in offer.words]
    return "\n".join([_kind(offer), *lines, ""])


def _read(environ: Mapping[str, str]) -> Typed:
    if environ[ASKED_BY] == "bash":
        return split_line(environ["_DBJOBS_LINE"], environ.get("_DBJOBS_BREAKS", ""))
    *words, current = environ["_DBJOBS_WORDS"].split(SEPARATOR)
    return Typed(words, re.sub(r"^[\"']", "", current))


def _kind(offer: Offer) -> str:
    return offer.kind if not offer.words else "words"


def _short(text: str) -> str:
    """The first words of a help text, on one line."""
    line = " ".join(text.partition("  [")[0].split()).rstrip(".;")
    return line if len(line) <= LONGEST_HELP else line[: LONGEST_HELP - 1].rstrip() + "…"


def _for_zsh(typed: Typed, word: str, help_text: str) -> str:
    """As `_describe` wants it: a colon parts the word from its help."""
    escaped = word.replace("\\", "\\\\").replace(":", "\\:")
    return f"{escaped}:{help_text}" if help_text else escaped


def _with_tab(typed: Typed, word: str, help_text: str) -> str:
    return f"{word}\t{help_text}" if help_text else word


def _for_bash(typed: Typed, word: str, help_text: str) -> str:
    return quote(word, typed)


_FORMS: dict[str, Callable[[Typed, str, str], str]] = {
    "bash": _for_bash,
    "zsh": _for_zsh,
    "fish": _with_tab,
    "powershell": _with_tab,
}
