"""Pages of the workspace: opened in a browser where there is one to see, printed where there is none."""

import os
import sys
from collections.abc import Mapping
from urllib.parse import urlsplit

from dbjobs.cli.context import App
from dbjobs.errors import NotFoundError


def show_page(app: App, url: str | None, *, is_result: bool = True) -> None:
    """Open a page; over SSH, or where no browser can be opened, its URL is the result, or a note."""
    if not url or urlsplit(url).scheme not in ("https", "http"):
        raise NotFoundError(
            "the workspace gives no URL for this page", hint="open it in the workspace itself"
        )
    if can_open_browser(app.environ) and _open(url):
        app.streams.note(f"opened {url}")
    elif is_result:
        app.streams.result(url)
    else:
        app.streams.note(f"page: {url}")


def can_open_browser(environ: Mapping[str, str]) -> bool:
    """Whether a browser that is opened from here is one that the user sees."""
    if any(environ.get(name) for name in ("SSH_CONNECTION", "SSH_TTY", "CI")):
        return False
    has_display = environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY") or environ.get("BROWSER")
    return bool(has_display) or os.name == "nt" or sys.platform == "darwin"


def _open(url: str) -> bool:
    import webbrowser

    try:
        return webbrowser.open(url)
    except (webbrowser.Error, OSError):
        return False
