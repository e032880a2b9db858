"""AddTags and RemoveTags, and the rules of tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from emrlite.api.emr import lookup
from emrlite.api.protocol import Call
from emrlite.cluster.model import ClusterSpec
from emrlite.cluster.store import Record
from emrlite.errors import InvalidRequestException

MAX_TAGS = 50
_ENDED = "Tags cannot be modified on terminated clusters."


def read(tags: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the tags by key; raises `InvalidRequestException`."""
    found = {tag.get("Key", ""): tag.get("Value", "") for tag in tags}
    for key, value in found.items():
        if not 1 <= len(key) <= 128 or key.lower().startswith("aws:"):
            raise InvalidRequestException(
                f"Tag key '{key[:200]}' is not valid: 1 to 128 characters, not beginning with aws:.")
        if len(value) > 256:
            raise InvalidRequestException(f"The value of tag '{key}' is longer than 256 characters.")
    _check_count(found)
    return found


def _check_count(tags: Mapping[str, str]) -> None:
    if len(tags) > MAX_TAGS:
        raise InvalidRequestException(f"A cluster can have {MAX_TAGS} tags at the most.")


class Tags:
    """The operations on the tags of clusters."""

    def __init__(self, clusters: lookup.Clusters) -> None:
        self._clusters = clusters

    def add_tags(self, call: Call, *, resource_id: str, tags: Sequence[Mapping[str, Any]], **_: Any) -> None:
        added = read(tags)

        def change(record: Record) -> ClusterSpec:
            lookup.must_be_modifiable(record, InvalidRequestException(_ENDED))
            merged = {**record.spec.tags, **added}
            _check_count(merged)
            return replace(record.spec, tags=merged)

        lookup.cluster(self._clusters.store, call, resource_id)
        self._clusters.store.change_spec(resource_id, change)

    def remove_tags(self, call: Call, *, resource_id: str, tag_keys: Sequence[str], **_: Any) -> None:
        def change(record: Record) -> ClusterSpec:
            lookup.must_be_modifiable(record, InvalidRequestException(_ENDED))
            kept = {key: value for key, value in record.spec.tags.items() if key not in tag_keys}
            return replace(record.spec, tags=kept)

        lookup.cluster(self._clusters.store, call, resource_id)
        self._clusters.store.change_spec(resource_id, change)
