"""Secrets that this process knows, removed from everything that it prints."""

import re
from urllib.parse import quote, quote_plus

SHORT, MIN_LENGTH = 8, 4
"""Secrets with fewer characters are hidden only as a whole word, or are taken for words and not hidden."""

_USER_INFO = r"(://[^/\s:@]*:)[^/\s@]+(?=@)"
"""The password in URLs such as `ftp://user:PASSWORD@host`."""

_secrets: set[str] = set()


def hide(secret: str) -> None:
    """Hide a secret from all output from now on, as it is and as URLs encode it."""
    if len(secret) >= MIN_LENGTH:
        _secrets.update((secret, quote(secret, safe=""), quote_plus(secret)))


def forget_all() -> None:
    """For tests, which run many programs in one process."""
    _secrets.clear()


def censor(text: str) -> str:
    """The text without the secrets; the longest first, since one may be part of another."""
    for secret in sorted(_secrets, key=len, reverse=True):
        if len(secret) >= SHORT:
            text = text.replace(secret, "<hidden>")
        elif secret in text:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "<hidden>", text)
    return re.sub(_USER_INFO, r"\1<hidden>", text) if "@" in text else text
