"""From a step to the program that runs it, and the environment it runs in.  Pure but for looking programs up.

Facts: the EMR guide's pages on command-runner.jar and script-runner.jar; any other Jar of a step
is run as ``hadoop jar`` runs it.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import urlsplit

from emrlite.cluster.model import StepSpec
from emrlite.node import places
from emrlite.node.layout import NODE_VARIABLE, NodeInfo
from emrlite.node.safety import forbidden

#: What stands behind the node's own programs.
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
#: How one gets to the network from this machine, and to packages; all else of the user's environment stays out.
OF_MACHINE = (
    "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL",
    "PIP_TRUSTED_HOST", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_CONFIG_FILE", "PIP_CERT", "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
)  # fmt: skip
_SHELLS = ("sh", "bash", "dash", "zsh")

Look = Callable[[str, str], str | None]


@dataclass(frozen=True, kw_only=True)
class StepCommand:
    """What is run for a step, and what its controller log says about it."""

    argv: tuple[str, ...]
    notes: tuple[str, ...] = ()


def path_of(info: NodeInfo) -> str:
    """The ``PATH`` of a node."""
    return f"{info.layout.bin}:{_SYSTEM_PATH}"


def _which(name: str, path: str) -> str | None:
    return shutil.which(name, path=path)


def command(step: StepSpec, info: NodeInfo, look: Look = _which) -> StepCommand:
    """Find what runs *step*.  A step that cannot run is given a command that says why and fails."""
    base = step.jar.rstrip("/").rpartition("/")[2]
    if base == "command-runner.jar":
        return _program(step.args, info, look)
    if base == "script-runner.jar":
        if not step.args:
            return _refuse("script-runner.jar: no script was given: its first argument is the script's place")
        return StepCommand(argv=(str(info.layout.bin / "script-runner"), *step.args))
    words = [f"--property={key}={value}" for key, value in step.properties.items()]
    if step.main_class:
        words.append(f"--main-class={step.main_class}")
    argv = (str(info.layout.bin / "jar-runner"), *words, places.resolve(step.jar, info), *step.args)
    return StepCommand(argv=argv, notes=(f"{step.jar} is run as `hadoop jar` does",))


def _program(args: tuple[str, ...], info: NodeInfo, look: Look) -> StepCommand:
    """``command-runner.jar``: any program on the node's ``PATH``."""
    if not args:
        return _refuse("command-runner.jar: no command was given in Args")
    name, notes = args[0], []
    folder, _, base = name.rpartition("/")
    # EMR's own programs are known by absolute names; here they are on the node's PATH.
    of_node = folder in ("/usr/bin", "/bin", "/usr/local/bin", "/usr/lib/spark/bin", "/usr/sbin", "/sbin")
    found = look(base, str(info.layout.bin)) if of_node else None
    if not found:
        found = look(places.resolve(name, info), path_of(info))
    if not found:
        return _refuse(
            f'Exception in thread "main" java.lang.RuntimeException: java.io.IOException: Cannot run program "{name}" '
            '(in directory "."): error=2, No such file or directory'
        )
    if info.view != "full" and (reason := forbidden(_script_of(found, args))):
        return _refuse(f"emrlite: this command was not run: {reason}")
    if found != name and "/" in name:
        notes.append(f"{name} is {found} on this node")
    return StepCommand(argv=(found, *args[1:]), notes=tuple(notes))


def _script_of(program: str, args: tuple[str, ...]) -> str:
    """The text that a shell is given with ``-c``; else the command itself."""
    if os.path.basename(program) in _SHELLS:
        for flag, text in pairwise(args[1:]):
            if flag.startswith("-") and flag.endswith("c"):
                return text
    return shlex.join(args)


def _refuse(text: str) -> StepCommand:
    """A command that fails with *text*: like every step's end, it comes from a process's exit code."""
    return StepCommand(argv=("/bin/sh", "-c", 'printf "%s\\n" "$1" >&2; exit 1', "emrlite", text), notes=(text,))


def environment(
    info: NodeInfo, *, step_id: str | None, credentials: Mapping[str, str], environ: Mapping[str, str]
) -> dict[str, str]:
    """The environment of a step or bootstrap action: chosen, not a copy of the user's (*environ*)."""
    layout = info.layout
    env = {
        NODE_VARIABLE: info.root,
        "EMR_CLUSTER_ID": info.cluster_id,
        "AWS_ENDPOINT_URL": info.aws_endpoint,
        "AWS_REGION": info.region,
        "AWS_DEFAULT_REGION": info.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "PATH": path_of(info),
        "HOME": str(layout.home),
        "USER": "hadoop",
        "LOGNAME": "hadoop",
        "HADOOP_USER_NAME": "hadoop",
        "HADOOP_CONF_DIR": str(layout.conf),
        "SPARK_CONF_DIR": str(layout.conf),
        "SPARK_HOME": places.spark_home(info),
        "JAVA_HOME": info.java_home,
        "TMPDIR": str(layout.tmp),
        "SHELL": "/bin/bash",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        **credentials,
        **no_proxy(info),
        **{name: environ[name] for name in OF_MACHINE if environ.get(name)},
    }
    if step_id:
        env["EMR_STEP_ID"] = step_id
    return {name: value for name, value in env.items() if value}


def no_proxy(info: NodeInfo) -> dict[str, str]:
    """Keep the cluster's own traffic from a proxy.

    Clients read the variable in different ways: some know networks (``127.0.0.0/8``), the AWS SDK for Java takes a
    star, Python's urllib only whole names, so every known address stands there too.
    """
    urls = (info.spark_master, info.default_fs, info.aws_endpoint, info.s3_endpoint)
    known = [info.address, *(peer.address for peer in info.core), *(urlsplit(url).hostname or "" for url in urls)]
    hosts = dict.fromkeys(("localhost", "127.0.0.1", "127.0.0.0/8", "127.*", *filter(None, known)))
    return dict.fromkeys(("NO_PROXY", "no_proxy"), ",".join(hosts))
