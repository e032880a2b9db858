"""Event logs as Spark writes them, found and gathered for a history server."""

from pathlib import Path

import pytest

from emrlite.node import event_logs

ID = "application_1795230176921_0000"


def rolling(where: Path, id: str = ID, *, status: str | None = "") -> Path:
    """A log in parts; *status* is what follows the name of its status file, ``None``: there is none."""
    folder = where / f"eventlog_v2_{id}"
    folder.mkdir(parents=True)
    (folder / f"events_1_{id}.zstd").write_bytes(b"x")
    if status is not None:
        (folder / f"appstatus_{id}{status}").touch()
    return folder


@pytest.mark.parametrize(("status", "ended"), [("", True), (".inprogress", False), (None, False)])
def test_a_log_in_parts_says_itself_whether_its_application_ended(tmp_path: Path, status: str | None, ended: bool):
    rolling(tmp_path, status=status)
    (log,) = event_logs.found(tmp_path)
    assert (log.application, log.ended) == (ID, ended)


@pytest.mark.parametrize(("name", "application", "ended"), [
    (ID, ID, True),
    (f"{ID}.inprogress", ID, False),
    (f"{ID}.zstd", ID, True),
    (f"{ID}.lz4.inprogress", ID, False),
    ("local-1795230176921", "local-1795230176921", True),
    ("app-20261121030301-0007", "app-20261121030301-0007", True),
])
def test_a_log_of_one_file_is_read_from_its_name(tmp_path: Path, name: str, application: str, ended: bool):
    (tmp_path / name).touch()
    (log,) = event_logs.found(tmp_path)
    assert (log.application, log.ended) == (application, ended)


@pytest.mark.parametrize("name", [f".{ID}.crc", "notes.txt", f"{ID}.gz.old", f"x{ID}"])
def test_other_files_are_no_event_logs(tmp_path: Path, name: str):
    (tmp_path / name).touch()
    assert event_logs.found(tmp_path) == []


def test_a_cluster_that_never_came_up_has_no_event_logs(tmp_path: Path):
    assert event_logs.found(event_logs.directory(tmp_path / "j-1")) == []
    assert list(event_logs.of_clusters(tmp_path / "no clusters")) == []


def test_the_folder_is_named_as_a_uri_so_that_a_home_may_have_a_space_in_its_name():
    properties = event_logs.properties(Path("/a home/clusters/j-1"))
    assert properties["spark.eventLog.dir"] == "file:///a%20home/clusters/j-1/event-logs"


def test_what_is_gathered_is_brought_up_to_date_and_loses_what_is_gone(tmp_path: Path):
    clusters, into = tmp_path / "clusters", tmp_path / "links"
    first = rolling(event_logs.directory(clusters / "j-1"))
    event_logs.gather(into, event_logs.of_clusters(clusters))
    second = rolling(event_logs.directory(clusters / "j-2"), "application_1795230176922_0000")
    for _ in range(2):
        event_logs.gather(into, event_logs.of_clusters(clusters))
        assert {link.resolve() for link in into.iterdir()} == {first.resolve(), second.resolve()}
    for part in first.iterdir():
        part.unlink()
    first.rmdir()
    event_logs.gather(into, event_logs.of_clusters(clusters))
    assert [link.resolve() for link in into.iterdir()] == [second.resolve()]


def test_a_log_that_was_finished_meanwhile_is_linked_by_its_new_name_only(tmp_path: Path):
    logs, into = tmp_path / "logs", tmp_path / "links"
    logs.mkdir()
    open_ = logs / f"{ID}.inprogress"
    open_.touch()
    event_logs.gather(into, event_logs.found(logs))
    open_.rename(logs / ID)
    event_logs.gather(into, event_logs.found(logs))
    assert [link.name for link in into.iterdir()] == [ID]
