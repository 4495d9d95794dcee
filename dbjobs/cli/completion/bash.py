"""The line as bash gives it: its quotes and breaks, which bash leaves to us.

Bash replaces only what follows the last break, be it a quote or one of COMP_WORDBREAKS (`:` and
`=` among them), and inserts words as they are. Source: bash(1), Programmable Completion.
"""

import re
from typing import NamedTuple


class Typed(NamedTuple):
    """The words that are complete, and the one that is not, without their quotes."""

    words: list[str]
    current: str
    cut: int = 0
    """so much of the current word stays as it is"""
    quote: str = ""
    """the quote that is open"""


def split_line(line: str, breaks: str) -> Typed:
    """A line up to the cursor, without the program's name."""
    words: list[str] = []
    current, open_quote, cut = "", "", 0
    is_word = False
    characters = iter(line)
    for char in characters:
        if open_quote:
            if char == open_quote:
                open_quote = ""
            elif char == "\\" and open_quote == '"':
                current += _unescaped(next(characters, ""))
            else:
                current += char
        elif char.isspace():
            if is_word:
                words.append(current)
            current, cut, is_word = "", 0, False
            continue
        elif char in "\"'":
            open_quote, cut = char, len(current)
        elif char == "\\":
            current += next(characters, "")
        else:
            current += char
            cut = len(current) if char in breaks else cut
        is_word = True
    return Typed(words[1:], current, cut, open_quote)


def _unescaped(char: str) -> str:
    """Between double quotes, a backslash takes the meaning of these alone."""
    return char if char in '"\\$`' else f"\\{char}"


def quote(word: str, typed: Typed) -> str:
    """The part of a word that bash inserts, so that it reads it as it is."""
    rest = word[typed.cut :]
    if typed.quote == "'":
        return rest.replace("'", "'\\''")
    if typed.quote == '"':
        return re.sub(r'(["\\$`])', r"\\\1", rest)
    return re.sub(r"([^\w@%+=:,./~^-])", r"\\\1", rest)
