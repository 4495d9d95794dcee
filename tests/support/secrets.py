"""Every secret that a test uses bears one mark, so that it can be looked for wherever it must not be."""

MARK = "secret-of-the-tests"


def secret(name: str) -> str:
    """A secret of its own name."""
    return f"{name}-{MARK}"
