"""Job files: reading, checking, and converting to the form of an API version."""
