"""Pages of lists, ids, instance types and release labels."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emrlite.api.emr import paging
from emrlite.cluster import ids, instance_types, releases
from emrlite.errors import InvalidRequestException


@given(st.integers(min_value=0, max_value=180), st.integers(min_value=1, max_value=4))
def test_pages_together_are_the_whole_filtered_list(count: int, every: int) -> None:
    items = [str(number) for number in range(count)]
    kept = [item for item in items if int(item) % every == 0]
    found: list[str] = []
    marker: str | None = None
    for _ in range(1 + count // paging.PAGE + 1):
        part, marker = paging.page(items, marker, str, lambda item: int(item) % every == 0)
        assert len(part) <= paging.PAGE
        found += part
        if marker is None:
            break
    assert found == kept


@pytest.mark.parametrize("marker", ["", "x", "bm9uZQ==", "ü", "\ud800"])
def test_a_marker_that_we_did_not_give_is_refused(marker: str) -> None:
    with pytest.raises(InvalidRequestException, match="is not valid"):
        paging.page(["a"], marker, str)


def test_ids_look_as_emr_makes_them() -> None:
    assert re.fullmatch(r"j-[A-Z0-9]{13}", ids.cluster_id())
    assert re.fullmatch(r"s-[A-Z0-9]{20}", ids.step_id())
    assert re.fullmatch(r"i-[0-9a-f]{17}", ids.instance_id())
    assert len({ids.cluster_id() for _ in range(1000)}) == 1000
    assert ids.is_cluster_id("j-ABC123")
    assert not any(map(ids.is_cluster_id, ["j-", "j-abc", "j-../x", "j-A\n", "s-ABC", ""]))


@pytest.mark.parametrize(("name", "vcpu", "memory", "yarn"), [
    ("m5.xlarge", 4, 16384, 12288),
    ("m5.2xlarge", 8, 32768, 24576),
    ("r5.xlarge", 4, 32768, 24576),
    ("m4.large", 2, 8192, 6144),
    ("m5.4xlarge", 16, 65536, 57344),
])
def test_an_instance_type_has_what_emr_says_it_gives_to_yarn(name: str, vcpu: int, memory: int, yarn: int) -> None:
    found = instance_types.find(name)
    assert found is not None
    assert (found.vcpu, found.memory, found.yarn_memory) == (vcpu, memory, yarn)


@pytest.mark.parametrize("name", ["", "m5", "m5.", ".xlarge", "m5.huge", "t2.micro", "r7g.large", "m5.metal",
                                  "mac1.metal", 'm5.xlarge": {', "../x", "m5.xlarge\n"])
def test_what_emr_does_not_run_on_is_no_instance_type(name: str) -> None:
    assert instance_types.find(name) is None


@pytest.mark.parametrize(("label", "known"), [
    ("emr-7.12.0", True), ("emr-5.36.2", True), ("emr-spark-8.1.0", True), ("emr-spark-8.0.0", True),
    ("emr-7.99.0", False), ("emr-8.1.0", False), ("emr-spark-7.0.0", False), ("emr-7.12", False),
    ("EMR-7.12.0", False), ("emr-7.12.0\n", False), ("emr-7.12.0 ", False), ("", False), ("emr-3.0.0", False),
])
def test_release_labels_are_known_or_not(label: str, known: bool) -> None:
    assert releases.is_known(label) is known
