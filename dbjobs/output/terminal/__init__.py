"""Tables and the live view: the only package that knows rich."""
