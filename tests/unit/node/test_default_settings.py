"""Hadoop's default settings in a short form say the same."""

import zipfile
from xml.etree import ElementTree as ET

from emrlite.node import default_settings

LONG = b"""<?xml version="1.0"?>
<!-- a licence -->
<configuration>
<!-- what follows is described -->
<property>
  <name>a.b</name>
  <value>  ${c} &amp; more
  lines</value>
  <description>Why, with <b>marks</b> &lt; and so on.</description>
</property>
<property><name>empty</name><value/><final>true</final><description/></property>
<property><description>first</description><name>last</name><value>1</value></property>
</configuration>
"""


def settings(text):
    return [{part.tag: part.text for part in each if part.tag != "description"} for each in ET.fromstring(text)]


def test_names_values_and_what_is_final_stay_and_descriptions_go():
    short = default_settings.short(LONG, {})
    assert settings(short) == settings(LONG)
    assert b"description" not in short
    assert b"licence" not in short
    assert len(short.splitlines()) == 7, "the declaration, two lines around, and one for each but for the value of two"


def test_ours_stand_in_the_place_of_hadoops():
    long = LONG.replace(b"a.b", b"fs.file.impl")
    expected = settings(long)
    expected[0]["value"] = "emrlite.LocalFiles"
    assert settings(default_settings.short(long, {"fs.file.impl": "emrlite.LocalFiles", "other": "2"})) == expected


def test_the_default_settings_are_those_of_hadoops_clients(tmp_path):
    for jar, name in (("hadoop-client-api-3.jar", "core-default.xml"), ("hadoop-client-minicluster-3.jar",
                      "hdfs-default.xml"), ("other.jar", "core-default.xml")):
        with zipfile.ZipFile(tmp_path / jar, "w") as file:
            file.writestr(name, LONG)
            file.writestr("in/a/folder-default.xml", b"no settings")
            file.writestr("core-site.xml", LONG)
    found = default_settings.found(sorted(tmp_path.glob("*.jar")))
    assert found == {name: default_settings.short(LONG, {}) for name in ("core-default.xml", "hdfs-default.xml")}
    assert default_settings.found([tmp_path / "other.jar"]) == {}
