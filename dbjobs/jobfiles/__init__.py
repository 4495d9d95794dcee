"""Job files: read, unwrapped, checked, and brought into the form of an API version."""
