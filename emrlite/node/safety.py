"""What scripts written for a throwaway machine must not do to the user's own.

The first guard are names: these programs stand first on a node's ``PATH``, and in a node's full view of the file
system at their absolute paths too (`emrlite.node.view`).  Without that view scripts are looked at before they run, for
calls by absolute path.  Neither stops one who means harm.
"""

from __future__ import annotations

import re

#: Ends or halts a machine; changes what is mounted; installs for the whole machine; its services.
_POWER = ("shutdown", "halt", "poweroff", "reboot", "init", "telinit")
_MOUNTS = ("mount", "umount", "mkfs", "swapon", "swapoff")
_PACKAGES = ("yum", "dnf", "apt-get", "apt", "rpm", "dpkg", "amazon-linux-extras")
_SERVICES = ("systemctl", "service", "initctl", "chkconfig")

_WHY = {
    **dict.fromkeys(_POWER, "a node of emrlite is part of your own machine; end the cluster with terminate-job-flows"),
    **dict.fromkeys(_MOUNTS, "a node of emrlite is part of your own machine, whose mounts stay as they are"),
    **dict.fromkeys(
        _PACKAGES, "a node of emrlite is part of your own machine: install system packages there yourself; pip works"
    ),
    **dict.fromkeys(
        _SERVICES, "the services of your own machine are left alone, and a node's daemons are started by emrlite"
    ),
}

_SUDO = """\
#!/bin/sh
# Runs the command as who we are: nobody becomes root on a node.
while [ $# -gt 0 ]; do
  case "$1" in
    -u|-g|-U|-h|-p|-C|-D|-R|-T|--user|--group|--host|--prompt|--chdir) [ $# -gt 1 ] && shift; shift ;;
    --) shift; break ;;
    -i|-s|--login|--shell) shift; login=1 ;;
    -*) shift ;;
    [A-Za-z_]*=*) export "$1"; shift ;;
    *) break ;;
  esac
done
case "$1" in
  /bin/*|/sbin/*|/usr/*bin/*)
    # The node's own program of that name, where there is one.
    here="${0%/*}/${1##*/}"
    if [ -x "$here" ]; then shift; set -- "$here" "$@"; fi ;;
esac
[ $# -gt 0 ] && exec "$@"
[ -n "$login" ] && exec "${SHELL:-/bin/sh}"
exit 0
"""


def shims() -> dict[str, str]:
    """The guards as programs: name -> text."""
    refusals = {
        name: f'#!/bin/sh\necho "emrlite: {name} $* was not carried out: {why}" >&2\nexit 1\n'
        for name, why in _WHY.items()
    }
    return {"sudo": _SUDO, **refusals}


_CALL = re.compile(rf"(?<![\w./-])(?:/usr)?(?:/local)?/s?bin/({'|'.join(map(re.escape, _WHY))})(?:\.\w+)?(?![\w./-])")
_COMMENT = re.compile(r"(^|\s)#.*")


def forbidden(text: str) -> str | None:
    """Why the script *text* must not run, if it calls by absolute path what the node's ``PATH`` guards against."""
    for number, line in enumerate(text.splitlines(), 1):
        code = "" if line.startswith("#!") else _COMMENT.sub("", line)
        if match := _CALL.search(code):
            return f"line {number} calls {match[0]}: {_WHY[match[1]]}"
    return None
