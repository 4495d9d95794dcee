"""How an auth method is declared: its name, the settings it needs, and the function that fetches a grant."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dbjobs.auth.grants import Grant
from dbjobs.auth.sign_in import SignIn
from dbjobs.config.settings import Source

IsAvailable = Callable[[Source, str, Mapping[str, str]], bool]
"""By source, host and environment: whether everything exists that a method needs besides settings."""


@dataclass(frozen=True)
class AuthMethod:
    """An auth method, named as in the official SDKs."""

    name: str
    needs: tuple[str, ...]
    """the settings that the source of the credentials must have"""
    fetch: Callable[[SignIn], Grant]
    is_explicit: bool
    """its settings are given on purpose: no other method is tried after it"""
    is_available: IsAvailable

    def missing(self, source: Source) -> list[str]:
        """The settings that the source lacks."""
        return [key for key in self.needs if key not in source.settings]


def auth_method(
    name: str,
    *,
    needs: Sequence[str] = (),
    is_explicit: bool = False,
    is_available: IsAvailable = lambda source, host, environ: True,
) -> Callable[[Callable[[SignIn], Grant]], AuthMethod]:
    """Declare an auth method by a decorator of the function that fetches its grants."""

    def declare(fetch: Callable[[SignIn], Grant]) -> AuthMethod:
        return AuthMethod(name, tuple(needs), fetch, is_explicit, is_available)

    return declare
