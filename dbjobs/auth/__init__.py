"""Signing in: credentials as `requests` auth objects, whichever way they come about."""

from dbjobs.auth.credentials import Credentials, Grant
from dbjobs.auth.sign_in import SignIn, sign_in

__all__ = ["Credentials", "Grant", "SignIn", "sign_in"]
