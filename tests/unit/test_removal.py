"""`clean` removes what can be made again; `uninstall` spares the buckets."""

import pytest

from emrlite.errors import SetupError
from emrlite.node import removal
from emrlite.settings import Settings


@pytest.fixture
def settings(tmp_path):
    for name in ("engines/spark-4.1.1", "java", "tools", "cache/jars", "clusters", "packages/jars", "s3/bucket"):
        (tmp_path / "home" / name).mkdir(parents=True)
    (tmp_path / "home" / "s3/bucket/key").write_text("data")
    (tmp_path / "home" / "emrlite.db").write_text("clusters")
    return Settings(home=tmp_path / "home")


def names(path):
    return sorted(entry.name for entry in path.iterdir())


def test_clean_removes_what_set_up_makes_and_nothing_else(settings):
    gone = removal.clean(settings)
    assert sorted(path.name for path in gone) == ["cache", "engines", "java", "tools"]
    assert names(settings.home) == ["clusters", "emrlite.db", "packages", "s3"]
    assert removal.clean(settings) == []


def test_uninstall_spares_the_buckets(settings):
    removal.uninstall(settings)
    assert names(settings.home) == ["s3"]
    assert (settings.home / "s3/bucket/key").read_text() == "data"


def test_uninstall_takes_the_buckets_when_told_so(settings):
    removal.uninstall(settings, s3_data=True)
    assert not settings.home.exists()


def test_a_folder_that_is_no_home_is_not_touched(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(SetupError, match="does not look like a home"):
        removal.uninstall(Settings(home=tmp_path), s3_data=True)
    assert names(tmp_path) == ["thesis.tex"]


def test_uninstall_of_a_home_that_is_not_there_removes_nothing(tmp_path):
    assert removal.uninstall(Settings(home=tmp_path / "none")) == []
