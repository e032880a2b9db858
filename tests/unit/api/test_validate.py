"""Limits of the service model, and AWS's words for what breaks them."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.model import DenormalizedStructureBuilder, Shape, StructureShape

from emrlite.api import validate
from emrlite.api.protocol import load_model, serialise
from emrlite.errors import SerializationException, ValidationException


def shape(members: dict[str, Any]) -> Shape:
    made: Shape = DenormalizedStructureBuilder().with_members(members).build_model()
    return made


THING = shape({
    "Count": {"type": "integer"},
    "Big": {"type": "long"},
    "Flag": {"type": "boolean"},
    "Ratio": {"type": "double"},
    "When": {"type": "timestamp"},
    "Names": {"type": "list", "member": {"type": "string"}},
    "Map": {"type": "map", "key": {"type": "string"}, "value": {"type": "string"}},
    "Inner": {"type": "structure", "members": {"Deep": {"type": "string"}}},
})


@pytest.mark.parametrize("value", [
    {"Count": 1, "Big": 1 << 40, "Flag": False, "Ratio": 1, "When": 1.5, "Names": ["a"], "Map": {"k": "v"}},
    {"Count": -(1 << 31)},
    {"Inner": {"Deep": ""}},
    {},
])
def test_what_fits_is_kept_as_it_is(value: Any) -> None:
    assert validate.parse(value, THING) == value


def test_unknown_members_and_nulls_are_left_out() -> None:
    value = {"Other": 1, "Count": None, "Inner": {"Deep": None, "x": 1}, "Map": {"a": None, "b": "c"}}
    assert validate.parse(value, THING) == {"Inner": {}, "Map": {"b": "c"}}


@pytest.mark.parametrize(("value", "said"), [
    ({"Count": "1"}, "STRING_VALUE cannot be converted to Integer at 'count'"),
    ({"Count": 1.0}, "DECIMAL_VALUE cannot be converted to Integer at 'count'"),
    ({"Count": True}, "TRUE_VALUE cannot be converted to Integer at 'count'"),
    ({"Count": 1 << 31}, "NUMBER_VALUE is out of the range of Integer at 'count'"),
    ({"Big": 1 << 63}, "NUMBER_VALUE is out of the range of Long at 'big'"),
    ({"Flag": "true"}, "STRING_VALUE cannot be converted to Boolean at 'flag'"),
    ({"When": 10**400}, "a Timestamp has to be a finite number at 'when'"),
    ({"Ratio": float("inf")}, "a Double has to be a finite number at 'ratio'"),
    ({"Names": "a"}, "Start of list expected, scalar found at 'names'"),
    ({"Names": ["a", 2]}, "NUMBER_VALUE cannot be converted to String at 'names.2.member'"),
    ({"Map": []}, "Start of structure or map expected, list found at 'map'"),
    ({"Inner": {"Deep": [1]}}, "Start of list found where not expected at 'inner.deep'"),
])
def test_a_value_of_the_wrong_kind_is_named(value: Any, said: str) -> None:
    with pytest.raises(SerializationException) as caught:
        validate.parse(value, THING)
    assert caught.value.message == said


def test_every_pattern_of_the_model_can_be_used_and_knows_characters_beyond_the_basic_plane() -> None:
    model = load_model("emr")
    found = {
        str(pattern) for name in model.shape_names
        if (pattern := model.shape_for(name).metadata.get("pattern"))
    }
    assert len(found) >= 3
    for pattern in found:
        validate._compiled(pattern)
    xml = next(pattern for pattern in found if "uDC00-" in pattern)
    assert validate._compiled(xml).fullmatch("Ünicode 🚀\n")
    assert not validate._compiled(xml).fullmatch("\x07")


def test_every_required_member_of_every_operation_is_asked_for() -> None:
    model = load_model("emr")
    for name in model.operation_names:
        wanted = model.operation_model(name).input_shape
        if isinstance(wanted, StructureShape) and wanted.required_members:
            with pytest.raises(ValidationException, match="Member must not be null") as caught:
                validate.check({}, wanted)
            assert caught.value.message.count(" failed to satisfy ") == len(wanted.required_members)


def test_a_very_long_value_is_not_quoted_whole() -> None:
    wanted = load_model("emr").operation_model("DescribeCluster").input_shape
    assert wanted is not None
    with pytest.raises(ValidationException) as caught:
        validate.check({"ClusterId": "x" * 1_000_000}, wanted)
    assert len(caught.value.message) < 1300


def test_members_without_a_value_are_left_out_of_an_answer() -> None:
    value: dict[str, Any] = {"Count": None, "Names": [], "Inner": {"Deep": None, "Other": 1}, "When": 1.23456}
    assert serialise(value, THING) == {"Names": [], "Inner": {}, "When": 1.234}
