"""Write the parts of these pages that come from the code.

    python docs/generate.py     (or `make docs`)

A part stands between ``<!-- from the code: NAME -->`` and ``<!-- end -->``; a test fails where
one is not what the code says.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import click
from botocore import xform_name

from emrlite.api.emr.app_uis import AppUiOperations
from emrlite.api.emr.clusters import ClusterOperations
from emrlite.api.emr.instances import InstanceOperations
from emrlite.api.emr.steps import StepOperations
from emrlite.api.emr.tags import Tags
from emrlite.api.protocol import load_model
from emrlite.cli import COMMANDS, group
from emrlite.pytest_plugin import OPTIONS
from emrlite.settings import Settings

DOCS = Path(__file__).parent
PART = re.compile(r"(<!-- from the code: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def settings() -> str:
    """One row for each setting."""
    rows = [
        f"| `{field.name}` | `{_default(field.default)}` | `EMRLITE_{field.name.upper()}` | {field.metadata['help']} |"
        for field in dataclasses.fields(Settings)
    ]
    return "\n".join(["| Setting | Default | Variable | What it does |", "|---|---|---|---|", *rows])


def _default(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return '""' if value == "" else str(value)


def commands() -> str:
    """The help of each command, as the command prints it."""
    parts = []
    for name in COMMANDS:
        settings = group.context_settings | {"max_content_width": 100}
        context = click.Context(group, info_name="emrlite", terminal_width=100, **settings)
        command = group.get_command(context, name)
        assert command is not None, name
        text = command.get_help(click.Context(command, parent=context, info_name=name))
        parts.append(f"## emrlite {name}\n\n```text\n{text}\n```")
    return "\n\n".join(parts)


def pytest_options() -> str:
    """One row for each option of the pytest plugin."""
    rows = [f"| `--emrlite-{name}` | `emrlite_{name.replace('-', '_')}` | `{_default(default)}` | {help} |"
            for name, (_, default, help) in OPTIONS.items()]
    return "\n".join(["| Option | In the ini file | Default | What it does |", "|---|---|---|---|", *rows])


def implemented() -> frozenset[str]:
    """The operations of EMR that have a handler, as AWS spells them."""
    rooms = (ClusterOperations, StepOperations, InstanceOperations, Tags, AppUiOperations)
    handlers = {name for room in rooms for name in vars(room) if not name.startswith("_")}
    return frozenset(name for name in load_model("emr").operation_names if xform_name(name) in handlers)


def absent() -> str:
    """The operations of EMR's model that are refused by name."""
    names = sorted(set(load_model("emr").operation_names) - implemented())
    return f"{len(names)} of {len(load_model('emr').operation_names)}: " + ", ".join(names) + "."


def decisions() -> str:
    """A link to each page of adr/."""
    titles = {path: path.read_text().partition("\n")[0].lstrip("# ") for path in sorted((DOCS / "adr").glob("*.md"))}
    return "\n".join(f"- [{title}](adr/{path.name})" for path, title in titles.items())


PARTS: dict[str, Callable[[], str]] = {
    "settings": settings, "commands": commands, "pytest-options": pytest_options,
    "absent-operations": absent, "decisions": decisions}


def written(text: str) -> str:
    """Return a page with its parts written anew."""
    return PART.sub(lambda found: f"{found[1]}{PARTS[found['name']]()}\n{found[3]}", text)


def pages() -> list[Path]:
    return sorted(DOCS.glob("*.md"))


if __name__ == "__main__":
    for page in pages():
        old = page.read_text()
        if (new := written(old)) != old:
            page.write_text(new)
            print(f"written: {page}")
