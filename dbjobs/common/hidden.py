"""Secrets that this process knows, removed from everything that it prints."""

import re
from urllib.parse import quote, quote_plus

SHORT, SHORTEST = 8, 4
"""What has fewer characters than this is hidden as a word of its own only, or, for it is none, not at all."""

_IN_ADDRESS = r"(://[^/\s:@]*:)[^/\s@]+(?=@)"
"""The password in `ftp://user:PASSWORD@host`."""

_secrets: set[str] = set()


def hide(secret: str) -> None:
    """From now on, no output shows this, be it as it is or as an address carries it."""
    if len(secret) >= SHORTEST:
        _secrets.update((secret, quote(secret, safe=""), quote_plus(secret)))


def forget_all() -> None:
    """Start anew; for tests, which are many programs in one process."""
    _secrets.clear()


def censor(text: str) -> str:
    """The text without the secrets; the longest go first, for one may be a part of another."""
    for secret in sorted(_secrets, key=len, reverse=True):
        if len(secret) >= SHORT:
            text = text.replace(secret, "<hidden>")
        elif secret in text:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "<hidden>", text)
    return re.sub(_IN_ADDRESS, r"\1<hidden>", text) if "@" in text else text
