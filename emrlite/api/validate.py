"""Does a request fit the service model?  The one place that knows AWS's texts for it.

The model is botocore's.  A value of the wrong kind cannot even be parsed and is a
`SerializationException`; a value outside the model's limits is a `ValidationException` that
counts and lists all of them, members named as the service names them (``steps.1.member.name``).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from emrlite.errors import SerializationException, ValidationException

#: A value is quoted in an error up to this length.
QUOTED = 1024

_KINDS: dict[type, str] = {str: "STRING_VALUE", int: "NUMBER_VALUE", float: "DECIMAL_VALUE"}
_SCALARS: dict[str, tuple[str, tuple[type, ...]]] = {
    "string": ("String", (str,)),
    "boolean": ("Boolean", (bool,)),
    "integer": ("Integer", (int,)),
    "long": ("Long", (int,)),
    "float": ("Float", (int, float)),
    "double": ("Double", (int, float)),
    "timestamp": ("Timestamp", (int, float)),
}
_BITS = {"integer": 31, "long": 63}


def parse(value: Any, shape: Shape, path: str = "") -> Any:
    """Return *value* as the model has it: unknown members and nulls left out, every kind right."""
    if isinstance(shape, StructureShape):
        if not isinstance(value, dict):
            raise _unexpected(value, "structure or map", path)
        members = {name: member for name, member in shape.members.items() if value.get(name) is not None}
        return {name: parse(value[name], member, _join(path, name)) for name, member in members.items()}
    if isinstance(shape, MapShape):
        if not isinstance(value, dict):
            raise _unexpected(value, "structure or map", path)
        return {
            parse(key, shape.key, path): parse(item, shape.value, f"{path}.{key}")
            for key, item in value.items()
            if item is not None
        }
    if isinstance(shape, ListShape):
        if not isinstance(value, list):
            raise _unexpected(value, "list", path)
        return [
            None if item is None else parse(item, shape.member, f"{path}.{number}.member")
            for number, item in enumerate(value, 1)
        ]
    return _scalar(value, shape, path)


def _scalar(value: Any, shape: Shape, path: str) -> Any:
    name, kinds = _SCALARS[shape.type_name]
    where = f" at '{path}'"
    if isinstance(value, dict):
        raise SerializationException(f"Start of structure or map found where not expected{where}")
    if isinstance(value, list):
        raise SerializationException(f"Start of list found where not expected{where}")
    if type(value) not in kinds:
        kind = f"{value}_VALUE".upper() if isinstance(value, bool) else _KINDS[type(value)]
        raise SerializationException(f"{kind} cannot be converted to {name}{where}")
    if bits := _BITS.get(shape.type_name):
        if not -(1 << bits) <= value < 1 << bits:
            raise SerializationException(f"NUMBER_VALUE is out of the range of {name}{where}")
    elif isinstance(value, float | int) and not isinstance(value, bool) and not _finite(value):
        raise SerializationException(f"a {name} has to be a finite number{where}")
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise SerializationException(f"half of a surrogate pair in the String{where}") from None
    return value


def _finite(value: float) -> bool:
    # Python compares whole numbers of any length; only a float can be infinite.
    return abs(value) < 10**15


def _unexpected(value: Any, wanted: str, path: str) -> SerializationException:
    found = "structure or map" if isinstance(value, dict) else "list" if isinstance(value, list) else "scalar"
    return SerializationException(f"Start of {wanted} expected, {found} found at '{path or 'the top of the body'}'")


def check(value: dict[str, Any], shape: Shape) -> None:
    """Raise `ValidationException` unless the parsed *value* keeps to all limits of the model."""
    problems = list(_problems(value, shape, ""))
    if problems:
        counted = "1 validation error" if len(problems) == 1 else f"{len(problems)} validation errors"
        raise ValidationException(f"{counted} detected: " + "; ".join(problems[:10]))


def _problems(value: Any, shape: Shape, path: str) -> Iterator[str]:
    if isinstance(shape, StructureShape):
        for name in shape.required_members:
            if name not in value:
                yield _problem(None, _join(path, name), "Member must not be null")
        for name, item in value.items():
            yield from _problems(item, shape.members[name], _join(path, name))
    elif isinstance(shape, ListShape):
        yield from _broken(value, shape, path)
        if isinstance(shape.member, StructureShape | ListShape | MapShape):
            for number, item in enumerate(value, 1):
                if item is None:
                    yield _problem(None, f"{path}.{number}.member", "Member must not be null")
                else:
                    yield from _problems(item, shape.member, f"{path}.{number}.member")
        elif any(item is None or _violations(item, shape.member) for item in value):
            # Scalars of a list are not named one by one: the whole list is, with all that its members must be.
            yield _problem(value, path, f"Member must satisfy constraint: [{', '.join(_constraints(shape.member))}]")
    elif isinstance(shape, MapShape):
        for key, item in value.items():
            yield from _problems(item, shape.value, f"{path}.{key}.member")
    else:
        yield from _broken(value, shape, path)


def _broken(value: Any, shape: Shape, path: str) -> Iterator[str]:
    return (_problem(value, path, text) for text in _violations(value, shape))


def _problem(value: Any, path: str, constraint: str) -> str:
    if isinstance(value, list):
        quoted = "'[" + ", ".join("null" if item is None else str(item) for item in value) + "]'"
    else:
        quoted = "null" if value is None else f"'{value}'"
    if len(quoted) > QUOTED:
        quoted = f"{quoted[:QUOTED]}…'"
    return f"Value {quoted} at '{path}' failed to satisfy constraint: {constraint}"


def _violations(value: Any, shape: Shape) -> list[str]:
    """Return the constraints of *shape* that the scalar or list *value* breaks."""
    found = []
    limits = shape.metadata
    measured = len(value) if isinstance(value, str | list) else value
    what = "length" if isinstance(value, str | list) else "value"
    if "max" in limits and measured > limits["max"]:
        found.append(f"Member must have {what} less than or equal to {limits['max']}")
    if "min" in limits and measured < limits["min"]:
        found.append(f"Member must have {what} greater than or equal to {limits['min']}")
    if "pattern" in limits and not found and not _compiled(limits["pattern"]).fullmatch(value):
        found.append(f"Member must satisfy regular expression pattern: {limits['pattern']}")
    if "enum" in limits and value not in limits["enum"]:
        found.append(f"Member must satisfy enum value set: [{', '.join(limits['enum'])}]")
    return found


def _constraints(shape: Shape) -> list[str]:
    """Return the texts of all constraints of *shape*."""
    limits = shape.metadata
    what = "length" if shape.type_name == "string" else "value"
    texts = {
        "max": f"Member must have {what} less than or equal to {{}}",
        "min": f"Member must have {what} greater than or equal to {{}}",
        "pattern": "Member must satisfy regular expression pattern: {}",
    }
    found = [text.format(limits[name]) for name, text in texts.items() if name in limits]
    if "enum" in limits:
        found.append(f"Member must satisfy enum value set: [{', '.join(limits['enum'])}]")
    return found or ["Member must not be null"]


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compile a pattern of the model, which is written for UTF-16: a pair of surrogates is one character here."""
    return re.compile(
        pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF").replace(
            r"\uD800\uDBFF-\uDC00\uDFFF", r"\U00010000-\U0010FFFF"
        )
    )


def _join(path: str, name: str) -> str:
    name = name[:1].lower() + name[1:]
    return f"{path}.{name}" if path else name
