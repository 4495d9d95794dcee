"""Pages, and the tokens between them.

A token is signed with a key of this sandbox's own and bound to the list it came from, so that no client can
build one, or carry one over to another list.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from dbjobs.sandbox.refusal import invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbjobs.sandbox.model import Json

ARRAY_LIMIT = 100
"""How many elements of an array an answer holds: 2.2 pages the rest, 2.1 cuts it off."""

ARRAYS = (
    "tasks",
    "iterations",
    "job_clusters",
    "job_parameters",
    "parameters",
    "environments",
    "repair_history",
)

_SIGNATURE_BYTES = 16


class Numbered(Protocol):
    """Something with a number; newer ones have higher numbers."""

    number: int


Listed = TypeVar("Listed", bound=Numbered)


class Tokens:
    """Makes page tokens and reads them back."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def make(self, listing: str, position: Any) -> str:
        text = json.dumps(position).encode()
        return base64.urlsafe_b64encode(self._sign(listing, text) + text).decode().rstrip("=")

    def read(self, listing: str, token: str) -> Any:
        """The position in that listing; refuses a token that was not made for it."""
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            raise invalid("Invalid page_token.") from None
        signature, text = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._sign(listing, text)):
            raise invalid("Invalid page_token.")
        return json.loads(text)

    def _sign(self, listing: str, text: bytes) -> bytes:
        return hmac.digest(self._key, listing.encode() + b"\0" + text, hashlib.sha256)[:_SIGNATURE_BYTES]


def take_page(
    items: Sequence[Listed], limit: int, *, offset: int = 0, position: tuple[str, int] | None = None
) -> tuple[list[Listed], tuple[str, int] | None, tuple[str, int] | None]:
    """A page of items, newest first, with the positions of the next page and of the previous one.

    A position is an item's number, not its index in the list, so newer items do not change a page.
    """
    if position is None:
        page = list(items[offset : offset + limit])
    elif position[0] == "after":
        page = [item for item in items if item.number < position[1]][:limit]
    else:
        page = [item for item in items if item.number > position[1]][-limit:]
    if not page:
        return page, None, None
    following = ("after", page[-1].number) if items[-1].number < page[-1].number else None
    previous = ("before", page[0].number) if items[0].number > page[0].number else None
    return page, following, previous


def cut_arrays(item: Json, start: int = 0) -> tuple[Json, bool]:
    """The item with its arrays from `start` on, 100 elements at most; and whether any has more."""
    end = start + ARRAY_LIMIT
    arrays = {name: item[name] for name in ARRAYS if name in item}
    more = any(len(array) > end for array in arrays.values())
    return item | {name: array[start:end] for name, array in arrays.items()}, more
