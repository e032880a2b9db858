"""The kernel "PySpark on emrlite": before it starts, a cluster is picked, or made with an emulator for it.

Named in the kernel's ``kernel.json`` and found through the entry point group
``jupyter_client.kernel_provisioners``.  The emulator belongs to the process that starts kernels
(the Jupyter server): it outlives a restart of the kernel, and ends with that process.
"""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import suppress
from typing import Any

from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from emrlite.jupyter.clusters import Cluster
from emrlite.jupyter.emulator import start
from emrlite.jupyter.find import NoCluster, up
from emrlite.jupyter.kernel import VARIABLE


class EmrliteProvisioner(LocalProvisioner):
    """A local kernel with a cluster."""

    _made: Cluster | None = None
    _picked: str | None = None  #: a cluster's id, from the kernel's first start on

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Pick the newest cluster that is up, or make one, and tell the kernel; one that starts again keeps its own."""
        env = dict(kwargs.pop("env", None) or os.environ)
        env[VARIABLE] = json.dumps(await asyncio.to_thread(self._pick, env.get("EMRLITE_HOME")))
        return await super().pre_launch(env=env, **kwargs)

    async def cleanup(self, restart: bool = False) -> None:
        """End the cluster that was made for this kernel, unless the kernel only starts again."""
        await super().cleanup(restart=restart)
        if self._made is not None and not restart:
            made, self._made = self._made, None
            await asyncio.to_thread(made.terminate)

    def _pick(self, home: str | None) -> dict[str, str]:
        emulator = start(home)
        for wanted in dict.fromkeys((self._picked, None)):
            with suppress(NoCluster):
                self._picked = up(emulator.home, wanted).spec.id
                break
        else:
            self._made = emulator.cluster("kernel")
            self._picked = self._made.id
        return {"home": str(emulator.home), "url": emulator.url, "cluster": self._picked}
