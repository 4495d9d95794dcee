"""What may stand at a place of the line."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from dbjobs.cli.completion.line import Node, Place
from dbjobs.cli.completion.values import Asked, values_of

Words = list[tuple[str, str]]
"""Each with its help, which may be empty."""


class Offer(NamedTuple):
    """Words, or, where there are none, what the shell may offer by itself: `files`, `folders`, `words`."""

    words: Words
    kind: str = "words"


def find_offer(words: Sequence[str], current: str, environ: Mapping[str, str]) -> Offer:
    """What may stand in the place of `current`, after complete words."""
    place = Place(words)
    if place.pending:
        return _values(place, place.pending, current, environ)
    if current.startswith("-") and place.takes_options:
        name, equals, value = current.partition("=")
        option = place.option(name) if equals else None
        return _values(place, option, value, environ, f"{name}=") if option else _options(place, current)
    if "commands" in place.node:
        found = [(verb, node["help"]) for verb, node in place.node["commands"].items()]
        return Offer(_beginning(current, found))
    if place.argument:
        return _values(place, place.argument, current, environ)
    return _options(place, current) if place.node and not current else Offer([])


def _options(place: Place, current: str) -> Offer:
    """Those that may still be given; one's own before everybody's."""
    found = [
        (name, option["help"])
        for option in place.options
        if option.get("many") or option["names"][0] not in place.values
        for name in option["names"]
        if name.startswith("--") or current == "-"
    ]
    return Offer(_beginning(current, found))


def _values(place: Place, param: Node, current: str, environ: Mapping[str, str], prefix: str = "") -> Offer:
    found = values_of(Asked(place, param, current, environ))
    words = [(prefix + word, told) for word, told in _beginning(current, found.words)]
    return Offer(words, found.kind)


def _beginning(current: str, words: Iterable[tuple[str, str]]) -> Words:
    return [(word, told) for word, told in words if word.startswith(current)]
