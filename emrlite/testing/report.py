"""What the report of a failed test shows of emrlite: each cluster and step that was at work during it.

Read from the emulator's own store and files, so it does not matter whose client made them, and
whether the emulator still answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from emrlite.cluster.model import ClusterSpec, StepSpec, StepStatus
from emrlite.cluster.states import StepState, is_final
from emrlite.cluster.store import Record, Store
from emrlite.node.layout import Layout

#: Lines of each log; a failed step is worth more.
LINES, LINES_OF_FAILED = 15, 40
#: More steps than these, the last ones, make no report clearer.
STEPS = 10
#: A line of a log may be a whole plan of Spark.
LONGEST = 500

Section = tuple[str, str]

_WENT_WRONG = (StepState.FAILED, StepState.INTERRUPTED)


def sections(state: Path, since: float) -> list[Section]:
    """Return (title, text) of everything that was at work after *since* in the emulator's home *state*."""
    if not (path := state / "emrlite.db").exists():
        return []
    store, found = Store(path), []
    for record in reversed(store.all()):
        steps = [step for step in record.spec.steps if _step_at_work(step, record.status.step(step.id), since)]
        if steps or _cluster_at_work(record, since):
            found.append(_cluster(record, store, state, since))
            found += [_step(record, step, state) for step in steps[-STEPS:]]
    return found


def _cluster_at_work(record: Record, since: float) -> bool:
    return max(record.spec.created, record.status.ended or 0, record.status.ready or 0) >= since


def _step_at_work(step: StepSpec, status: StepStatus, since: float) -> bool:
    return not is_final(status.state) or max(step.created, status.ended or 0) >= since


def _cluster(record: Record, store: Store, state: Path, since: float) -> Section:
    spec, status = record.spec, record.status
    lines = [f"{status.state}  {' '.join(filter(None, (status.reason_code, status.reason)))}".rstrip(),
             f"{spec.name}, {spec.release_label}, {_nodes(spec)}"]
    lines += [f"{event.subject:12} {event.state:12} {event.reason}".rstrip()
              for event in store.events(spec.id) if event.time >= since and event.state == "TROUBLE"]
    root = state / "clusters" / spec.id
    if status.reason_code == "BOOTSTRAP_FAILURE":
        for node in spec.nodes:
            for path in sorted(Layout(root / node.name).bootstrap_logs(1).parent.glob("*/std*")):
                lines += _end_of(path, f"bootstrap action {path.parent.name} on {node.name}, {path.name}", LINES)
    elif status.reason_code in ("INSTANCE_FAILURE", "INTERNAL_ERROR"):
        for node in spec.nodes:
            for path in sorted(Layout(root / node.name).daemon_logs.glob("*.log")):
                lines += _end_of(path, f"{path.name} of {node.name}", LINES)
    return f"emrlite cluster {spec.id}", "\n".join(lines)


def _nodes(spec: ClusterSpec) -> str:
    return ", ".join(f"{group.count} {group.role.lower()} ({group.instance_type})" for group in spec.groups)


def _step(record: Record, step: StepSpec, state: Path) -> Section:
    status = record.status.step(step.id)
    ended = "" if status.exit_code is None else f"  exit code {status.exit_code}"
    lines = [f"{status.state}{ended}", f"{step.name}: {' '.join((step.jar, *step.args))}"[:LONGEST]]
    if status.failure:
        lines += [f"reason   {status.failure.reason}", f"message  {status.failure.message}",
                  f"log      {status.failure.log_file}"]
    folder = Layout(state / "clusters" / record.spec.id / record.spec.master.name).step_logs(step.id)
    most = LINES_OF_FAILED if status.state in _WENT_WRONG else LINES
    for name in ("stdout", "stderr"):
        lines += _end_of(folder / name, name, most)
    return f"emrlite step {step.id} of {record.spec.id}", "\n".join(lines)


def _end_of(path: Path, title: str, most: int) -> Iterator[str]:
    try:
        lines = _tail(path)
    except FileNotFoundError:
        return
    if lines:
        left = len(lines) - most
        yield f"--- {title}" + (f" (the last {most} lines)" if left > 0 else "")
        yield from (line if len(line) <= LONGEST else f"{line[:LONGEST]}…" for line in lines[-most:])


def _tail(path: Path) -> list[str]:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 64 * 1024))
        return file.read().decode(errors="replace").splitlines()


def captured(names: Iterable[str]) -> list[Section]:
    """Say which calls of the test ``mock_aws`` answered, for they never reached emrlite."""
    calls = sorted(set(names))
    text = "answered by mock_aws inside this process, unknown to emrlite and its clusters:\n" + "\n".join(calls)
    return [("emrlite: calls that mock_aws captured", text)] if calls else []
