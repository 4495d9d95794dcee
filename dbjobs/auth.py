"""Credentials as `requests` auth objects.

They go into `session.auth`, for a header that was set by hand loses to a matching entry
of `.netrc`, and an auth object does not.
"""

from requests import PreparedRequest
from requests.auth import AuthBase


class BearerAuth(AuthBase):
    """A personal access token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def __repr__(self) -> str:
        return "BearerAuth(<hidden>)"
