"""Secrets that this process knows, and that nothing it prints may show."""

import re
from urllib.parse import quote, quote_plus

SHORT = 8
"""What has fewer characters is hidden as a word of its own only, for it may be a part of other words."""

_secrets: set[str] = set()


def hide(secret: str) -> None:
    """From now on, no output shows this, be it as it is or as an address carries it."""
    _secrets.update(form for form in (secret, quote(secret, safe=""), quote_plus(secret)) if form.strip())


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
    return text
