"""Signing in: from a profile to credentials as a `requests` auth object, by one of many auth methods."""
