"""The kernel "PySpark on emrlite", started as Jupyter starts it, from a process that stands for the server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]

SERVER = """
import json, sys
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager
from jupyter_client.provisioning import KernelProvisionerFactory
from importlib.metadata import EntryPoint
# What an installed package says in its metadata; a checkout may have been installed before it did.
KernelProvisionerFactory.instance().provisioners["emrlite"] = EntryPoint(
    "emrlite", sys.argv[2], "jupyter_client.kernel_provisioners")
kernels = KernelSpecManager(kernel_dirs=[sys.argv[1]], ensure_native_kernel=False)
manager = KernelManager(kernel_name="emrlite", kernel_spec_manager=kernels)
manager.start_kernel()
client = manager.client()
client.start_channels()
try:
    client.wait_for_ready(timeout=120)
    def run(code):
        printed = []
        answer = client.execute_interactive(code,
            timeout=200, output_hook=lambda said: printed.append(said["content"].get("text") or str(said["content"])))
        return {"status": answer["content"]["status"], "printed": "".join(printed)}

    first = run("print(spark.range(10).count(), spark.sparkContext.master); print(repr(cluster)); mine = cluster.id; "
                "spark.range(4).write.parquet('hdfs:///kept'); jvm = sc._gateway.proc.pid; print('JVM', jvm)")
    manager.restart_kernel(now=True)
    client.wait_for_ready(timeout=120)
    second = run("print('mine' in dir(), spark.read.parquet('hdfs:///kept').count(), spark.sparkContext.master)")
    print(json.dumps({"first": first, "second": second, "name": manager.kernel_spec.display_name}))
finally:
    client.stop_channels()
    manager.shutdown_kernel()
import emrlite
print(repr(emrlite.card()).splitlines()[0])
"""


def test_a_kernel_has_a_session_on_a_cluster_that_was_made_for_it_outlives_its_restart_and_ends_with_it(
    tmp_path: Path, link_engines: Callable[[Path], Path]
):
    home = link_engines(tmp_path / "home")
    environ = {**os.environ, "EMRLITE_HOME": str(home), "IPYTHONDIR": str(tmp_path / "ipython"),
               "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime")}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SERVER, str(ROOT / "share/jupyter/kernels"),
         "emrlite.jupyter.provisioner:EmrliteProvisioner"], env=environ, capture_output=True, text=True, timeout=560,
        check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    told, after = done.stdout.splitlines()[-2:]
    seen = json.loads(told)
    assert seen["name"] == "PySpark on emrlite"
    first, second = seen["first"], seen["second"]
    assert first["status"] == "ok", first["printed"]
    assert "10 spark://127." in first["printed"]
    assert "kernel: WAITING" in first["printed"]
    assert second["status"] == "ok", second["printed"]
    (master,) = re.findall(r"10 (spark://\S+)", first["printed"])
    assert f"False 4 {master}" in second["printed"], "the kernel is new, its cluster is not"
    (jvm,) = re.findall(r"JVM (\d+)", first["printed"])
    assert not psutil.pid_exists(int(jvm))
    assert after.endswith("kernel: TERMINATED"), after
