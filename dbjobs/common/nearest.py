"""The known names that are similar to a misspelled one."""

from collections.abc import Callable, Iterable
from difflib import get_close_matches

MAX_COMPARED_LENGTH = 100
"""Names are shorter, and the time to compare grows with the square of the length."""


def nearest_names(name: str, known: Iterable[str], most: int = 1) -> list[str]:
    """The known names that are similar to `name`, ignoring case, the most similar first."""
    folded = {one.casefold(): one for one in known}
    lowered = name.casefold()[:MAX_COMPARED_LENGTH]
    exact = [lowered] if lowered in folded else []
    extended = [one for one in folded if len(lowered) > 1 and one.startswith(lowered)]
    found = dict.fromkeys([*exact, *get_close_matches(lowered, folded, n=most), *extended])
    return [folded[one] for one in list(found)[:most]]


def did_you_mean(name: str, known: Iterable[str], show: Callable[[str], str] = repr) -> str:
    """The end of an error message about an unknown name; empty if no known name is similar."""
    found = nearest_names(name, known)
    return f"; did you mean {show(found[0])}?" if found else ""
