"""EMR for tests: the fixtures and options of docs/pytest.md.

Nothing but pytest and the standard library is imported until a test uses a fixture of ours:
this module is loaded by every run of pytest on every machine where emrlite is installed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # see above
    from emrlite.testing.run import Run

#: Name -> (kind, default, help).  Each is an option `--emrlite-NAME` and an ini setting `emrlite_NAME`.
OPTIONS: dict[str, tuple[type, Any, str]] = {
    "core": (int, 1, "Core nodes of a cluster: HDFS and Spark."),
    "task": (int, 0, "Task nodes of a cluster: Spark only."),
    "instance-type": (str, "m5.xlarge", "Instance type of all nodes."),
    "release": (str, "", "Release label of clusters; by default the one of the default engine."),
    "timing": (str, "fast", "`fast` runs real processes; `instant` runs none and lets every step succeed."),
    "xdist": (str, "worker", "With pytest-xdist: a cluster for each `worker`, or one `shared` by all."),
    "scope": (str, "function", "How long state lives: `function`, `class`, `module`, `package` or `session`."),
    "keep-on-failure": (bool, False, "End the run at the first failure, and leave its emulator and clusters running."),
}
CHOICES = {
    "timing": ("fast", "instant"), "xdist": ("worker", "shared"),
    "scope": ("function", "class", "module", "package", "session"),
}
FIXTURES = frozenset({"emrlite_endpoint", "emr_client", "s3_client", "emr_cluster", "emr_clusters"})



@dataclass
class Current:
    """The test that is being run."""

    item: pytest.Item
    since: float = field(default_factory=time.time)
    around: ExitStack | None = None  #: its environment, once it uses emrlite
    captured: list[str] = field(default_factory=list)


_RUN: pytest.StashKey[Run] = pytest.StashKey()
_CURRENT: pytest.StashKey[Current] = pytest.StashKey()


# Options


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("emrlite", "clusters of Amazon EMR for tests (emrlite)")
    for name, (kind, default, help) in OPTIONS.items():
        variable = f"emrlite_{name.replace('-', '_')}"
        if kind is bool:
            group.addoption(f"--emrlite-{name}", dest=variable, action="store_true", default=None, help=help)
            parser.addini(variable, help, type="bool", default=default)
        else:
            group.addoption(
                f"--emrlite-{name}", dest=variable, type=kind, default=None, choices=CHOICES.get(name), help=help)
            parser.addini(variable, help, default=str(default))


def option(config: pytest.Config, name: str) -> Any:
    """Return an option: of the command line, else of the ini file, else its default."""
    kind, _, _ = OPTIONS[name]
    variable = f"emrlite_{name.replace('-', '_')}"
    given = config.getoption(variable, None)
    value = config.getini(variable) if given is None else given
    if name in CHOICES and value not in CHOICES[name]:
        raise pytest.UsageError(f"{variable} is {value!r}; it can be {' or '.join(CHOICES[name])}")
    try:
        return kind(value)
    except ValueError:
        raise pytest.UsageError(f"{variable} is {value!r}, which is no {kind.__name__}") from None


def _scope(fixture_name: str, config: pytest.Config) -> Any:
    return option(config, "scope")


# Fixtures


@pytest.fixture(scope="session")
def emrlite_endpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of an emulator that ends with the run: EMR, S3, and moto for every other AWS service."""
    run = _told(lambda: _make_run(request.config, tmp_path_factory))
    _told(lambda: run.start(_say(request.config)))
    request.config.stash[_RUN] = run
    try:
        _begin(request.config)
        yield run.url
    finally:
        del request.config.stash[_RUN]
        run.stop()


@pytest.fixture(scope=_scope)
def emr_client(request: pytest.FixtureRequest, emrlite_endpoint: str) -> Any:
    """A boto3 client of EMR that reaches emrlite, also under ``mock_aws``."""
    return _begin(request.config).client("emr")


@pytest.fixture(scope=_scope)
def s3_client(request: pytest.FixtureRequest, emrlite_endpoint: str) -> Any:
    """A boto3 client of S3: the buckets that the clusters' jobs see."""
    return _begin(request.config).client("s3")


@pytest.fixture(scope=_scope)
def emr_cluster(request: pytest.FixtureRequest, emrlite_endpoint: str) -> str:
    """Id of a long-running cluster that is up, shared by all tests; HDFS and S3 are as new for each."""
    run = _begin(request.config)
    return str(_told(run.clusters.warm))


@pytest.fixture(scope=_scope)
def emr_clusters(request: pytest.FixtureRequest, emrlite_endpoint: str) -> Iterator[Callable[..., str]]:
    """Make more clusters: ``emr_clusters(core=2, Steps=[…])`` returns an id once it is up; they end with the test."""
    run = _begin(request.config)
    with run.clusters.factory(request.node.name or "emrlite-pytest", lambda: run.kept) as make:
        yield make


# Around each test


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, Any, Any]:
    item.config.stash[_CURRENT] = Current(item)
    if _RUN in item.config.stash and not FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
        _begin(item.config)  # before any other fixture: what those put into S3 is not wiped
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, Any, Any]:
    try:
        return (yield)
    finally:
        current = item.config.stash.get(_CURRENT, None)
        if current is not None and current.around is not None:
            current.around.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    run, current = item.config.stash.get(_RUN, None), item.config.stash.get(_CURRENT, None)
    if report.failed and run is not None and current is not None and current.around is not None:
        report.sections += run.sections(current.since, current.captured)
        if option(item.config, "keep-on-failure") and not run.kept:
            report.sections.append(("emrlite: kept", run.keep()))
            item.session.shouldstop = f"{item.nodeid} failed, and emrlite keeps its clusters"
    return report


def _begin(config: pytest.Config) -> Run:
    """Let the current test, whoever asks first for it, have its environment and a clean start."""
    run, current = config.stash[_RUN], config.stash[_CURRENT]
    if current.around is None:
        current.around = ExitStack()
        current.around.enter_context(run.around_test(current.captured))
        _told(lambda: run.begin(_whose_state(current.item, option(config, "scope"))))
    return run


def _whose_state(item: pytest.Item, scope: str) -> object:
    match scope:
        case "function":
            return item.nodeid
        case "class":
            return item.nodeid.rpartition("::")[0]
        case "module":
            return item.path
        case "package":
            return item.path.parent
        case _:
            return scope


def _told(do: Callable[[], Any]) -> Any:
    """Tell emrlite's errors by their words; where they were raised helps nobody."""
    from emrlite.errors import EmrliteError

    try:
        return do()
    except EmrliteError as error:
        pytest.fail(f"emrlite: {error}", pytrace=False)


# The run


def _make_run(config: pytest.Config, factory: pytest.TempPathFactory) -> Run:
    from emrlite.testing.emulator import Owner
    from emrlite.testing.run import Run
    from emrlite.testing.shape import DEFAULT, Shape

    worker = getattr(config, "workerinput", {})  # of xdist
    shared_by = Owner(**worker["emrlite_owner"]) if "emrlite_owner" in worker else None
    timing = option(config, "timing")
    words = {"core": option(config, "core"), "task": option(config, "task")}
    shape = Shape(**words, instance_type=option(config, "instance-type"), release=option(config, "release") or DEFAULT)
    room = factory.getbasetemp().parent / "emrlite" if shared_by else factory.mktemp("emrlite")
    return Run(room, shape, timing=timing, workers=worker.get("workercount", 1), shared_by=shared_by)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """In the controller of xdist: a shared emulator belongs to this process, whichever worker starts it."""
    if option(node.config, "xdist") == "shared":
        from emrlite.testing.emulator import Owner

        owner = Owner.this_process()
        node.workerinput["emrlite_owner"] = {"pid": owner.pid, "mark": owner.mark}


def _say(config: pytest.Config) -> Callable[[str], None]:
    """Show what takes long, the first time: the set-up of an engine."""
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    capture: Any = config.pluginmanager.get_plugin("capturemanager")

    def say(text: str) -> None:
        if reporter is not None and capture is not None:
            with capture.global_and_fixture_disabled():
                reporter.write_line(f"emrlite: {text}")

    return say
