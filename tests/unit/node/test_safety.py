"""Scripts for a throwaway machine, on the user's own."""

import pytest

from emrlite.node.safety import forbidden


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ("/sbin/shutdown -h now", "/sbin/shutdown"),
        ("#!/bin/bash\nset -e\nsudo /usr/bin/yum -y install git", "/usr/bin/yum"),
        ("x=$(/bin/mount)", "/bin/mount"),
        ("true && /usr/sbin/reboot", "/usr/sbin/reboot"),
        ("echo `/usr/bin/systemctl stop x`", "/usr/bin/systemctl"),
        ("/sbin/mkfs.ext4 /dev/sdb", "/sbin/mkfs.ext4"),
        ('subprocess.run(["/usr/bin/apt-get", "update"])', "/usr/bin/apt-get"),
    ],
)
def test_calls_by_absolute_path_are_seen_and_named_with_their_line(text, call):
    found = forbidden(text)

    assert found is not None
    assert f"line {text[: text.index(call)].count(chr(10)) + 1} calls {call}:" in found


@pytest.mark.parametrize(
    "text",
    [
        "yum install x",
        "# /sbin/shutdown",
        "echo /mnt/sbin/mount",
        "/usr/sbin/mounted",
        "/usr/bin/mount-s3 b",
        "#!/usr/bin/env bash\n",
        "",
    ],
)
def test_other_scripts_may_run(text):
    assert forbidden(text) is None
