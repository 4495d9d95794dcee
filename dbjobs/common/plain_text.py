"""Text from elsewhere without what a terminal would act on: escape sequences and control characters."""

import re

_ANSI_SEQUENCES = (
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])|\x9b[0-?]*[ -/]*[@-~]"
)
_CONTROLS = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]"
"""Not compiled here: most calls need neither, and `re` keeps what it has compiled."""


def clean_text(text: str) -> str:
    """Text of the API made harmless to a terminal: no escape sequence, no control, no turn of direction.

    Newlines and tabs stay; a carriage return before a newline goes with it, another becomes a newline.
    """
    if text.isprintable():  # as most are, and what is taken out is not
        return text
    text = re.sub(_ANSI_SEQUENCES, "", text).replace("\r\n", "\n").replace("\r", "\n")
    return re.sub(_CONTROLS, "", text)


def clean_line(text: str) -> str:
    """Like `clean_text`, on one line."""
    return " ".join(clean_text(text).split())
