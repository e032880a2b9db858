"""The documentation says what the code does: a command, setting or operation without a page fails here."""

import dataclasses
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import click
import pytest
from botocore.model import StringShape

from emrlite.api.emr import run_job_flow
from emrlite.api.protocol import load_model
from emrlite.cli import COMMANDS, group
from emrlite.cluster import planner, progress, reconciler
from emrlite.cluster.states import TRANSITIONS, ClusterState, InstanceState, StepState
from emrlite.settings import Settings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")])


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generate = load(DOCS / "generate.py")


@pytest.mark.parametrize("page", generate.pages(), ids=lambda page: page.name)
def test_parts_that_come_from_the_code_are_as_the_code_says(page: Path):
    assert page.read_text() == generate.written(page.read_text()), "write them anew: make docs"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_a_place_in_the_documentation(name: str):
    command = group.get_command(None, name)
    assert command.help, f"emrlite {name} has no help"
    for option in command.params:
        assert not isinstance(option, click.Option) or option.help, f"{option.name} of emrlite {name} has no help"
    assert f"## emrlite {name}\n" in (DOCS / "cli.md").read_text()


def test_every_setting_has_help_and_a_row():
    page = (DOCS / "settings.md").read_text()
    for setting in dataclasses.fields(Settings):
        assert len(setting.metadata["help"]) > 10, setting.name
        assert f"| `{setting.name}` |" in page, setting.name


def test_the_operations_that_are_described_are_those_that_are_implemented():
    table = (DOCS / "emr.md").read_text().partition("## Operations")[2].partition("\n## ")[0]
    described = re.findall(r"^\| ([A-Z]\w+) \|", table, re.MULTILINE)
    described.remove("Operation")
    assert sorted(described) == sorted(generate.implemented())


def test_what_run_job_flow_refuses_is_named():
    row = next(line for line in (DOCS / "emr.md").read_text().splitlines() if line.startswith("| Refused by name |"))
    for member in run_job_flow.REFUSED:
        assert re.search(rf"\b{member}\b", row), member


@pytest.mark.parametrize(
    ("heading", "kind"), [("A cluster", ClusterState), ("A step", StepState), ("An instance", InstanceState)])
def test_the_diagrams_have_the_moves_of_the_code(heading: str, kind: type):
    section = (DOCS / "states.md").read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    arrows = set(re.findall(r"^ +(\w+) --> (\w+) :", section, re.MULTILINE))
    assert arrows == {(str(old), str(new)) for old, following in TRANSITIONS[kind].items() for new in following}
    finals = set(re.findall(r"^ +(\w+) --> \[\*\]", section, re.MULTILINE))
    assert finals == {str(state) for state, following in TRANSITIONS[kind].items() if not following}


def test_the_reasons_of_clusters_are_those_of_the_code():
    section = (DOCS / "states.md").read_text().partition("## A cluster\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| [A-Z_, ]+ \| ([A-Z_]*) ?\| ([^|]+) \|", section, re.MULTILINE)
    code = "".join(Path(module.__file__ or "").read_text() for module in (planner, progress, reconciler))
    for _, message in rows:
        told = re.sub(r"^On the \w+ instance \(i-…\), bootstrap action 1 ", "", message.strip())
        assert told in code or told == "what went wrong", message
    shape = load_model("emr").shape_for("ClusterStateChangeReasonCode")
    assert isinstance(shape, StringShape)
    used = {reason for reason in shape.enum if f'"{reason}"' in code}
    assert used == {reason for reason, _ in rows if reason}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_every_decision_is_one_page_of_one_form():
    for page in sorted((DOCS / "adr").glob("*.md")):
        text = page.read_text()
        assert re.match(r"# \d+\. \S", text), f"{page.name} begins with its number and title"
        assert int(text[2:].partition(".")[0]) == int(page.name[:4]), page.name
        for heading in ("Context", "Decision", "Consequences"):
            assert f"\n## {heading}\n" in text, f"{page.name} has no {heading}"
        assert len(text.splitlines()) <= 60, f"{page.name} is longer than a page"


def test_every_module_says_what_it_is_for():
    for path in sorted((ROOT / "emrlite").rglob("*.py")):
        text = path.read_text()
        assert not text or text.startswith(('"""', 'r"""')), path


def test_every_make_target_that_is_named_exists():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        for target in re.findall(r"(?:^|`)make (\w+)", page.read_text(), re.MULTILINE):
            assert target in targets, f"{page.name}: make {target}"
