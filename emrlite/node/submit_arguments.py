"""The grammar of spark-submit's command line, and of the properties files beside it.

Facts: Spark's ``SparkSubmitOptionParser`` (4.1).  An option's value is the next word or follows an
equals sign; the first word that is neither option nor value is the application, and all after it
is the application's own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

#: Options that take a value, and the property that says the same (None: there is none).
VALUED: dict[str, str | None] = {
    "--archives": "spark.archives",
    "--class": None,
    "--conf": None,
    "--deploy-mode": "spark.submit.deployMode",
    "--driver-class-path": "spark.driver.extraClassPath",
    "--driver-default-class-path": "spark.driver.defaultExtraClassPath",
    "--driver-cores": "spark.driver.cores",
    "--driver-java-options": "spark.driver.extraJavaOptions",
    "--driver-library-path": "spark.driver.extraLibraryPath",
    "--driver-memory": "spark.driver.memory",
    "--exclude-packages": "spark.jars.excludes",
    "--executor-cores": "spark.executor.cores",
    "--executor-memory": "spark.executor.memory",
    "--files": "spark.files",
    "--jars": "spark.jars",
    "--keytab": "spark.kerberos.keytab",
    "--kill": None,
    "--master": "spark.master",
    "--name": "spark.app.name",
    "--num-executors": "spark.executor.instances",
    "--packages": "spark.jars.packages",
    "--principal": "spark.kerberos.principal",
    "--properties-file": None,
    "--proxy-user": None,
    "--py-files": "spark.submit.pyFiles",
    "--queue": "spark.yarn.queue",
    "--remote": "spark.remote",
    "--repositories": "spark.jars.repositories",
    "--status": None,
    "--total-executor-cores": "spark.cores.max",
}
SWITCHES = frozenset({"--help", "--load-spark-defaults", "--supervise", "--usage-error", "--verbose", "--version"})
_SHORT = {"-c": "--conf", "-h": "--help", "-v": "--verbose"}
_WITH_EQUALS = re.compile(r"(--[^=]+)=(.+)", re.DOTALL)


class UsageError(ValueError):
    """A command line that spark-submit itself would refuse."""


@dataclass(frozen=True)
class Arguments:
    """A command line, understood."""

    options: Mapping[str, str] = field(default_factory=dict)  #: by long name; the last one given counts
    conf: Mapping[str, str] = field(default_factory=dict)  #: of ``--conf``
    switches: frozenset[str] = frozenset()
    application: str | None = None
    application_args: tuple[str, ...] = ()

    def properties(self, defaults: Mapping[str, str]) -> dict[str, str]:
        """What counts in the end: an option before ``--conf`` before the *defaults* of a file."""
        named = {prop: self.options[name] for name, prop in VALUED.items() if prop and name in self.options}
        return {**defaults, **self.conf, **named}


def parse(args: Sequence[str], resource: str | None = None) -> Arguments:
    """Take *args*, all that stands behind ``spark-submit``, apart.

    With *resource* (``spark-shell``, ``spark-internal``: the program brings its application itself)
    whatever is no option of spark-submit belongs to the application, wherever it stands.
    """
    options: dict[str, str] = {}
    conf: dict[str, str] = {}
    switches: set[str] = set()
    mixed: list[str] = []
    rest = list(args)
    while rest:
        word = rest.pop(0)
        match = _WITH_EQUALS.fullmatch(word)
        name = _SHORT.get(word, match[1] if match else word)
        if name in VALUED:
            if not match and not rest:
                raise UsageError(f"Missing argument for option '{name}'.")
            value = match[2] if match else rest.pop(0)
            if name != "--conf":
                options[name] = value
                continue
            key, equals, setting = value.partition("=")
            if not equals:
                raise UsageError(f"Spark config without '=': {value}")
            conf[key] = setting
        elif name in SWITCHES and not match:
            switches.add(name)
        elif resource:
            mixed.append(word)
        elif name.startswith("-"):
            raise UsageError(f"Unrecognized option '{word}'.")
        else:
            return Arguments(options, conf, frozenset(switches), word, tuple(rest))
    return Arguments(options, conf, frozenset(switches), resource, tuple(mixed))


_PAIR = re.compile(r"((?:\\.|[^\s=:\\])*)\s*[=:\s]?\s*(.*)", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_CONTROL = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


def properties(text: str) -> dict[str, str]:
    """Read *text* as ``java.util.Properties`` does; values are trimmed, as Spark trims them."""
    found: dict[str, str] = {}
    for line in _logical_lines(text):
        match = _PAIR.fullmatch(line)
        assert match  # the pattern matches any line
        found[_unescape(match[1])] = _unescape(match[2]).strip()
    return found


def _logical_lines(text: str) -> list[str]:
    """Lines without comments; one that ends with an odd number of backslashes goes on in the next."""
    lines: list[str] = []
    held = ""
    for raw in text.splitlines():
        line = raw.lstrip()
        if not held and (not line or line[0] in "#!"):
            continue
        whole = held + line
        if (len(whole) - len(whole.rstrip("\\"))) % 2:
            held = whole[:-1]
            continue
        lines.append(whole)
        held = ""
    return [*lines, held] if held else lines


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)) if match[1] else _CONTROL.get(match[2], match[2]), text)
