"""The kernel "PySpark on emrlite", started as Jupyter starts it, from a process that stands for the server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

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
    printed = []
    code = "print(spark.range(10).count(), spark.sparkContext.master); print(repr(cluster))"
    answer = client.execute_interactive(code,
        timeout=200, output_hook=lambda said: printed.append(said["content"].get("text") or str(said["content"])))
    print(json.dumps({"status": answer["content"]["status"], "printed": "".join(printed),
                      "name": manager.kernel_spec.display_name}))
finally:
    client.stop_channels()
    manager.shutdown_kernel()
import emrlite
print(repr(emrlite.card()).splitlines()[0])
"""


def test_a_cell_of_the_kernel_has_a_session_on_a_cluster_that_was_made_for_it(
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
    assert seen["status"] == "ok", seen["printed"]
    assert "10 spark://127." in seen["printed"]
    assert "kernel: WAITING" in seen["printed"]
    assert after.endswith("kernel: TERMINATED"), after
