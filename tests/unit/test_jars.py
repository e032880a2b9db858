"""No archive gets through that is not what the lock says."""

import hashlib

import pytest

from emrlite.errors import Unreachable, WrongContent
from emrlite.node import jars
from emrlite.node.lockfile import Jar


def jar_of(content: bytes, name: str = "one") -> Jar:
    return Jar(
        group="g", coordinates=f"org.example:{name}:1.0", sha256=hashlib.sha256(content).hexdigest(), size=len(content)
    )


class Repository:
    """In the place of a Maven repository: content by coordinates; counts what is asked for."""

    def __init__(self, **content: bytes) -> None:
        self.content = content
        self.asked: list[str] = []

    def __call__(self, coordinates, folder, progress=None, maven=""):
        name = coordinates.split(":")[1]
        self.asked.append(name)
        if name not in self.content:
            raise Unreachable(f"{coordinates} could not be fetched")
        path = folder / f"{name}.part"
        path.write_bytes(self.content[name])
        return path


@pytest.fixture
def repository(monkeypatch):
    repository = Repository()
    monkeypatch.setattr(jars, "resolve", repository)
    return repository


@pytest.fixture
def said():
    return []


def test_a_truncated_jar_is_refused_by_name(tmp_path, repository, said):
    repository.content["one"] = b"half"
    with pytest.raises(WrongContent, match=r"one-1\.0\.jar arrived wrong .*truncated: 4 bytes, the lock says 8"):
        jars.fetch([jar_of(b"complete")], tmp_path / "cache", said.append)
    assert list((tmp_path / "cache").iterdir()) == []
    assert not (tmp_path / "fetching").exists()


def test_a_jar_of_the_right_length_but_other_content_is_refused_by_name(tmp_path, repository, said):
    repository.content["one"] = b"malicious"
    with pytest.raises(WrongContent, match=r"one-1\.0\.jar arrived wrong .*SHA-256"):
        jars.fetch([jar_of(b"honourabl")], tmp_path / "cache", said.append)
    assert list((tmp_path / "cache").iterdir()) == []


def test_what_is_there_is_not_fetched_again(tmp_path, repository, said):
    repository.content["one"] = b"content"
    jars.fetch([jar_of(b"content")], tmp_path / "cache", said.append)
    jars.fetch([jar_of(b"content")], tmp_path / "cache", said.append)
    assert repository.asked == ["one"]
    assert (tmp_path / "cache" / "one-1.0.jar").read_bytes() == b"content"


def test_a_spoilt_file_in_the_cache_is_named_and_fetched_again(tmp_path, repository, said):
    repository.content["one"] = b"content"
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "one-1.0.jar").write_bytes(b"cont")
    jars.fetch([jar_of(b"content")], tmp_path / "cache", said.append)
    assert any(line.startswith("refused: ") and "one-1.0.jar is truncated" in line for line in said)
    assert (tmp_path / "cache" / "one-1.0.jar").read_bytes() == b"content"


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path, repository, said):
    wanted = [jar_of(b"content", "one"), jar_of(b"much longer", "two")]
    repository.content["two"] = b"much longer"
    with pytest.raises(Unreachable, match=r"org\.example:one:1\.0"):
        jars.fetch(wanted, tmp_path / "cache", said.append)
    assert [jar.name for jar in jars.missing(wanted, tmp_path / "cache")] == ["one-1.0.jar"]
    repository.content["one"] = b"content"
    repository.asked.clear()
    jars.fetch(wanted, tmp_path / "cache", said.append)
    assert repository.asked == ["one"]


def test_the_last_line_of_progress_tells_that_all_is_there(tmp_path, repository, said):
    repository.content["one"] = b"content"
    jars.fetch([jar_of(b"content")], tmp_path / "cache", said.append)
    assert said[-1].endswith("1 of 1 files")
