"""Absolute names of an EMR node, and where a node of ours has them."""

from __future__ import annotations

from pathlib import Path

from emrlite.node.layout import NodeInfo


def spark_home(info: NodeInfo) -> str:
    """The node's ``/usr/lib/spark``: the engine's parts, with our own programs as its ``bin``."""
    return f"{info.root}/usr/lib/spark"


def python_packages(info: NodeInfo) -> str:
    """Where ``pip`` on the node installs to; Python programs of the node look there first."""
    return f"{info.root}/usr/local/lib/python"


def python_path(info: NodeInfo) -> tuple[str, str]:
    """What stands on ``PYTHONPATH`` of a node's Python programs: its own packages, and our `sitecustomize`."""
    return python_packages(info), str(Path(__file__).with_name("python"))


def packages(info: NodeInfo) -> Path:
    """Java packages that were fetched ahead (`emrlite.node.maven`): the home's, which all its nodes share."""
    return Path(info.root).parents[2] / "packages"


def resolve(name: str, info: NodeInfo) -> str:
    """Give *name* as it is on this machine if it is one that only exists on an EMR node."""
    root = info.root
    if name == "/usr/lib/spark/examples/jars/spark-examples.jar":
        return examples_jar(info)
    for there, here in (
        ("/usr/lib/spark/", f"{root}/usr/lib/spark/"),
        ("/usr/share/aws/", f"{root}/usr/share/aws/"),
        ("/home/hadoop/", f"{info.layout.home}/"),
    ):
        if name.startswith(there):
            return here + name.removeprefix(there)
    return name


def examples_jar(info: NodeInfo) -> str:
    """Spark's own examples, under the name that the engine's version gives them."""
    return f"{spark_home(info)}/examples/jars/spark-examples_{info.scala_version}-{info.spark_version}.jar"


def python(name: str, info: NodeInfo) -> str:
    """The cluster's Python for what is ``python3`` on an EMR node; a version that is not there keeps a node's path,

    so that starting it fails and says which.  Paths of an unpacked environment are left alone.
    """
    if name in ("python", "python3", "/usr/bin/python", "/usr/bin/python3"):
        return info.python
    folder, _, base = name.rpartition("/")
    if base.startswith("python") and folder in ("", "/usr/bin", "/usr/local/bin"):
        return str(info.layout.bin / base)
    return resolve(name, info)
