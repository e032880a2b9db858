from pathlib import Path

import pytest

from emrlite.settings import Settings, SettingsError, commented


def test_flags_go_before_variables_before_the_file_before_defaults(tmp_path):
    (tmp_path / "emrlite.toml").write_text('port = 1\nregion = "eu-west-1"\ns3 = "moto"\n')
    environ = {"EMRLITE_HOME": str(tmp_path), "EMRLITE_PORT": "2", "EMRLITE_S3": "local"}
    found = Settings.load({"port": 3, "host": None}, environ)
    assert (found.home, found.port, found.s3, found.region, found.host) == (
        tmp_path, 3, "local", "eu-west-1", "127.0.0.1")


def test_a_home_of_a_flag_is_where_the_file_is_looked_for(tmp_path):
    (tmp_path / "emrlite.toml").write_text("port = 9\n")
    assert Settings.load({"home": str(tmp_path)}, {"EMRLITE_HOME": "/nowhere"}).port == 9


def test_a_home_is_absolute_and_knows_the_user(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert Settings(home=Path("~/x")).home == tmp_path / "x"
    assert Settings(home=Path("y")).home == tmp_path / "y"


@pytest.mark.parametrize(("environ", "words"), [
    ({"EMRLITE_PORT": "many"}, "port is 'many', which is no int"),
    ({"EMRLITE_RELEASES": "loose"}, "releases is 'loose'; it can be lenient or strict"),
    ({"EMRLITE_TIMING": ""}, "timing is ''; it can be instant or fast"),
    ({"EMRLITE_S3": "nonsense"}, "s3 is 'nonsense'; it can be local, moto or a URL"),
    ({"EMRLITE_S3": "http://"}, "s3 is 'http://'; it can be local, moto or a URL"),
    ({"EMRLITE_S3": "ftp://there"}, "s3 is 'ftp://there'; it can be local, moto or a URL"),
    ({"EMRLITE_ADDRESSES": "one"}, "addresses is 'one'; it can be auto or many or single"),
])
def test_a_value_that_a_setting_cannot_take_is_named(environ, words, tmp_path):
    with pytest.raises(SettingsError, match=words):
        Settings.load({}, {"EMRLITE_HOME": str(tmp_path), **environ})


@pytest.mark.parametrize("value", [
    "local", "moto", "http://127.0.0.1:9000", "https://s3.example.com/", "http://minio_1:9000", "http://[::1]:9000", "http://proxy/s3"])
def test_s3_is_one_of_ours_or_a_url(value, tmp_path):
    assert Settings.load({}, {"EMRLITE_HOME": str(tmp_path), "EMRLITE_S3": value}).s3 == value


def test_a_setting_that_is_not_there_is_named(tmp_path):
    (tmp_path / "emrlite.toml").write_text("prot = 1\n")
    with pytest.raises(SettingsError, match="there is no setting 'prot'"):
        Settings.load({}, {"EMRLITE_HOME": str(tmp_path)})


def test_a_file_that_is_no_toml_is_named(tmp_path):
    (tmp_path / "emrlite.toml").write_text("port 1\n")
    with pytest.raises(SettingsError, match=r"emrlite\.toml is not TOML"):
        Settings.load({}, {"EMRLITE_HOME": str(tmp_path)})


@pytest.mark.parametrize(("text", "value"), [("1", True), ("true", True), ("on", True), ("0", False), ("no", False)])
def test_yes_and_no_have_their_usual_words(text, value, tmp_path):
    assert Settings.load({}, {"EMRLITE_HOME": str(tmp_path), "EMRLITE_ALLOW_PRETEND": text}).allow_pretend is value


def test_the_commented_file_uncommented_is_the_default(tmp_path):
    lines = [line[2:] if line.startswith("# ") and " = " in line else line for line in commented().splitlines()]
    (tmp_path / "emrlite.toml").write_text("\n".join(line for line in lines if not line.startswith("home = ")))
    assert Settings.load({"home": str(tmp_path)}, {}) == Settings(home=tmp_path)
