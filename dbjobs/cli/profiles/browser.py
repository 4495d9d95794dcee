"""Signing in in a browser: redirected to a port of this machine, or with an address that is pasted."""

import sys
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer

from dbjobs.auth.browser import Consent, token_store
from dbjobs.auth.drafts import Draft
from dbjobs.auth.sign_in import SignIn
from dbjobs.auth.tokens import Token
from dbjobs.cli.context import App
from dbjobs.errors import SignInError, UsageError
from dbjobs.output.log import show_log

PORTS = range(8020, 8041)
"""The ports that the official tools use, in their order."""

BROWSER_SECONDS = 300.0
"""The time that a person has to sign in."""

PAGE = """<!doctype html><meta charset=utf-8><title>dbjobs</title>
<body style="font-family: sans-serif; margin: 4em auto; max-width: 30em"><p>{text}</p></body>
"""


def sign_in_by_browser(app: App, draft: Draft, *, use_browser: bool) -> str:
    """Sign in, and keep the tokens; returns where."""
    show_log(app.streams)
    profile = draft.profile(app.profile_files)
    sign_in = SignIn(profile, profile.network, app.clock, app.environ)
    token = _by_redirect(app, sign_in) if use_browser else _by_hand(app, sign_in)
    store = token_store(app.environ)
    with store.locked():
        return store.write(draft.name, token)


def _by_redirect(app: App, sign_in: SignIn) -> Token:
    """The browser comes back to the first port of this machine that is free."""
    import webbrowser

    server = None
    for port in PORTS:
        with suppress(OSError):
            server = RedirectServer(port)
            break
    if server is None:
        app.streams.note(f"the ports {PORTS[0]} to {PORTS[-1]} of this machine are all in use")
        return _by_hand(app, sign_in)
    with server:
        consent = Consent(sign_in, f"http://localhost:{server.server_address[1]}")
        server.is_answer = consent.is_answered_by
        url = consent.url
        if not webbrowser.open(url):
            app.streams.note("no browser can be opened here")
            return _by_hand(app, sign_in)
        app.streams.note(f"a browser has been opened; if it shows nothing, open this address in it:\n{url}")
        ends = app.clock.monotonic() + BROWSER_SECONDS
        while server.answer is None:
            server.timeout = ends - app.clock.monotonic()
            if server.timeout <= 0:
                raise SignInError(
                    f"nobody signed in within {BROWSER_SECONDS:.0f} s", hint="try again, or use --no-browser"
                )
            server.handle_request()
        return consent.exchange(server.answer)


def _by_hand(app: App, sign_in: SignIn) -> Token:
    consent = Consent(sign_in, f"http://localhost:{PORTS[0]}")
    app.streams.show(
        f"Open this address in a browser, on any machine, and sign in:\n\n{consent.url}\n\n"
        f"The browser is redirected to an address that begins with http://localhost:{PORTS[0]}, "
        "which it cannot show. Paste it here:"
    )
    address = sys.stdin.readline()
    if not address.strip():
        raise UsageError("no address was pasted", hint="nothing was changed")
    return consent.exchange(address)


class RedirectServer(HTTPServer):
    """Waits on this machine for the browser to come back."""

    allow_reuse_address = False
    """else, on some systems, a port would be shared with a program that has it already"""

    def __init__(self, port: int) -> None:
        self.answer: str | None = None
        self.is_answer: Callable[[str], bool] = lambda address: False
        super().__init__(("127.0.0.1", port), _RedirectHandler)


class _RedirectHandler(BaseHTTPRequestHandler):
    server: RedirectServer
    timeout = 10

    def do_GET(self) -> None:
        if self.server.is_answer(self.path):
            self.server.answer = self.path
            self._reply(200, "You can close this page: the rest is shown in the terminal.")
        else:
            self._reply(404, "This is not the redirect of the current sign-in.")

    def _reply(self, status: int, text: str) -> None:
        body = PAGE.format(text=text).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing: the address has a code in it."""
