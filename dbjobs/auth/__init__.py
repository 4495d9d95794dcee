"""Authentication: from a profile to the credentials of its requests, by one of many auth methods."""
