"""Lists come in pages of fifty.  A marker says after which item the next page begins."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import TypeVar

from emrlite.errors import InvalidRequestException

PAGE = 50

T = TypeVar("T")


def page(
    items: Sequence[T], marker: str | None, key: Callable[[T], str], keep: Callable[[T], bool] = lambda _: True
) -> tuple[list[T], str | None]:
    """Return one page of the *items* to *keep*, and the marker of the next page, if there is one.

    *items* is the whole list: an item that a filter drops meanwhile still marks its place.
    """
    start = 0 if marker is None else _after(items, marker, key)
    kept = [item for item in items[start:] if keep(item)]
    more = len(kept) > PAGE
    return kept[:PAGE], _marker(key(kept[PAGE - 1])) if more else None


def _after(items: Sequence[T], marker: str, key: Callable[[T], str]) -> int:
    try:
        last = base64.urlsafe_b64decode(marker.encode()).decode()
        return next(place for place, item in enumerate(items, 1) if key(item) == last)
    except (binascii.Error, UnicodeError, StopIteration):
        raise InvalidRequestException(f"Marker '{marker[:256]}' is not valid.") from None


def _marker(last: str) -> str:
    return base64.urlsafe_b64encode(last.encode()).decode()
