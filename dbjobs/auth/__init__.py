"""Signing in: from a profile to credentials as a `requests` auth object, by whichever auth method it chooses."""
