"""Every setting, once: its name, default and help.

A value comes from the first of: a command-line flag, an ``EMRLITE_*`` variable, the
``emrlite.toml`` in the home, the default below.  Nothing else in emrlite reads the
environment for its settings.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from emrlite.errors import EmrliteError


class SettingsError(EmrliteError, ValueError):
    """A setting that does not exist, or a value it cannot take."""


def _setting(default: Any, help: str) -> Any:
    return dataclasses.field(default=default, metadata={"help": help})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All that a user can choose.  Made once, passed down."""

    home: Path = _setting(Path("~/.emrlite"), "Where engines, clusters, logs and local buckets live.")
    host: str = _setting("127.0.0.1", "Address that the endpoint listens on.")
    port: int = _setting(4566, "Port of the endpoint of `emrlite start`; 0 takes any free one.")
    s3: str = _setting(
        "local",
        "`local` (buckets are folders in the home), `moto` (in memory), or the URL of an S3 endpoint.",
    )
    region: str = _setting("us-east-1", "Region that `emrlite env` and the steps are given.")
    spark: str = _setting("4.1.1", "Spark version of the engine; set-up fetches it where it is not installed.")
    maven: str = _setting(
        "", "URL of the Maven repository for Java archives, a company's mirror or a folder (`file:///…`); "
        "else Maven Central.")
    releases: Literal["lenient", "strict"] = _setting(
        "lenient", "`strict` refuses a release label whose own Spark is not the engine's.")
    timing: Literal["instant", "fast"] = _setting(
        "fast", "`fast` runs real processes; `instant` runs none and lets every step succeed (control-plane tests).")
    addresses: Literal["auto", "many", "single"] = _setting(
        "auto", "`many` gives each node its own 127.x.y.z, `single` puts all on 127.0.0.1 with reserved ports.")
    namespace: Literal["auto", "off"] = _setting(
        "auto",
        "`auto` gives each node its own /mnt, /home, /tmp and programs where the machine allows it; `off` never.")
    allow_hosts: str = _setting("", "Further `Host` names, separated by commas, that the endpoint answers to.")
    allow_origins: str = _setting("", "Web origins, separated by commas, that may call the endpoint.")
    allow_pretend: bool = _setting(
        False,
        "Let moto answer calls that only pretend to run jobs "
        "(EMR Serverless, Glue job runs, Step Functions' EMR tasks).",
    )
    memory: int = _setting(
        0, "MiB that all clusters together may count on; 0 is three quarters of what the machine has."
    )
    ahead: Literal["all", "steps", "nothing"] = _setting(
        "all",
        "What is started before anybody asks, and ends when nobody does: with `steps` the JVMs of a step that "
        "comes or begins, with `all` also a cluster like the last that was asked for.")
    hold: float = _setting(
        0.0, "Seconds for which a finished transient cluster stays in TERMINATING, for clients that poll slowly."
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "home", Path(os.path.abspath(Path(self.home).expanduser())))

    @classmethod
    def load(cls, flags: Mapping[str, Any] | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
        """Merge flags (``None`` values are not given), variables, the home's file and defaults."""
        flags = {name: value for name, value in (flags or {}).items() if value is not None}
        variables = {
            field.name: environ[name]
            for field in dataclasses.fields(cls)
            if (name := f"EMRLITE_{field.name.upper()}") in environ
        }
        home = Path(flags.get("home") or variables.get("home") or cls.home).expanduser()
        values = {**_read(home / "emrlite.toml"), **variables, **flags}
        return cls(**{name: _convert(name, value) for name, value in values.items()})


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not TOML: {error}") from error


_KINDS = {"home": Path, "port": int, "memory": int, "hold": float, "allow_pretend": bool}
_CHOICES = {"releases": ("lenient", "strict"), "timing": ("instant", "fast"), "namespace": ("auto", "off"),
            "addresses": ("auto", "many", "single"), "ahead": ("all", "steps", "nothing")}

_S3 = re.compile(r"local|moto|https?://(?:[a-zA-Z0-9][\w.-]*|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?(?:/\S*)?")


def _convert(name: str, value: Any) -> Any:
    """Bring *value*, a string from a variable or a value of TOML, to the setting's type."""
    if name not in {field.name for field in dataclasses.fields(Settings)}:
        raise SettingsError(f"there is no setting {name!r}; `emrlite start --help` lists them all")
    if name in _CHOICES and value not in _CHOICES[name]:
        raise SettingsError(f"{name} is {value!r}; it can be {' or '.join(_CHOICES[name])}")
    if name == "s3" and not _S3.fullmatch(str(value)):
        raise SettingsError(f"s3 is {value!r}; it can be local, moto or a URL, as http://127.0.0.1:9000")
    kind: Any = _KINDS.get(name, str)
    if kind is bool and isinstance(value, str):
        return value.lower() in ("1", "true", "yes", "on")
    try:
        return kind(value)
    except (TypeError, ValueError) as error:
        raise SettingsError(f"{name} is {value!r}, which is no {kind.__name__}") from error


def commented() -> str:
    """Every setting with its help and default, commented out: the text of ``conf/emrlite.toml``."""
    head = "# Settings of emrlite.  Copy this file to the home (~/.emrlite/emrlite.toml) and take the # away\n"
    paragraphs = [head + "# from a line with `=` to choose otherwise.\n"]
    for field in dataclasses.fields(Settings):
        default = str(field.default) if isinstance(field.default, Path) else field.default
        variable = f"EMRLITE_{field.name.upper()}"
        # What JSON and TOML write alike: strings, numbers, true and false.
        paragraphs.append(f"# {field.metadata['help']}  ({variable})\n# {field.name} = {json.dumps(default)}\n")
    return "\n".join(paragraphs)
