"""The user's browser, where there is one that the user sees."""

import os
import sys
from collections.abc import Mapping
from urllib.parse import urlsplit


def is_page(url: str | None) -> bool:
    """Whether a text that the API gave is the URL of a page, and nothing else that a browser would open."""
    return bool(url) and urlsplit(url).scheme in ("https", "http")


def open_page(url: str, environ: Mapping[str, str]) -> bool:
    """Open a page; False over SSH, in CI, and where no browser can be opened."""
    if any(environ.get(name) for name in ("SSH_CONNECTION", "SSH_TTY", "CI")):
        return False
    has_display = any(environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
    if not has_display and os.name != "nt" and sys.platform != "darwin":
        return False
    import webbrowser

    try:
        return webbrowser.open(url)
    except (webbrowser.Error, OSError):
        return False
