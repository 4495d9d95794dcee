"""The command line as bash passes it, with its quotes and word breaks, which bash does not resolve.

Bash replaces only what follows the last break, be it a quote or one of COMP_WORDBREAKS (`:` and
`=` among them), and inserts words as they are. Source: bash(1), Programmable Completion.
"""

import re
from typing import NamedTuple


class TypedWords(NamedTuple):
    """The complete words, and the one that is being typed, without their quotes."""

    words: list[str]
    current: str
    cut: int = 0
    """how many characters of the current word bash keeps"""
    quote: str = ""
    """the quote that is open, if any"""


def split_line(line: str, breaks: str) -> TypedWords:
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
                escaped = next(characters, "")
                current += escaped if escaped in '"\\$`' else f"\\{escaped}"
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
    return TypedWords(words[1:], current, cut, open_quote)


def quote(word: str, typed: TypedWords) -> str:
    """The part of a word that bash inserts, so that it reads it as it is."""
    rest = word[typed.cut :]
    if typed.quote == "'":
        return rest.replace("'", "'\\''")
    if typed.quote == '"':
        return re.sub(r'(["\\$`])', r"\\\1", rest)
    return re.sub(r"([^\w@%+=:,./~^-])", r"\\\1", rest)
