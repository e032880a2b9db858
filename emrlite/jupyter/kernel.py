"""What the kernel "PySpark on emrlite" brings to a notebook: ``spark``, ``sc`` and ``cluster``, from the first cell on.

An extension of IPython, loaded by the kernel's command line; `emrlite.jupyter.provisioner` has picked the cluster.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from emrlite.errors import EmrliteError

#: Tells the kernel's process what was picked, as JSON.
VARIABLE = "EMRLITE_KERNEL"


def load_ipython_extension(shell: Any) -> None:
    """Make the session when the first cell is run, so that what there is to say is seen in the notebook."""

    def first_cell(_info: Any = None) -> None:
        from emrlite.jupyter.emulator import join

        shell.events.unregister("pre_run_cell", first_cell)
        picked = json.loads(os.environ[VARIABLE])
        try:
            cluster = join(picked["home"], picked["url"]).find(picked["cluster"])
            session = cluster.spark()
        except EmrliteError as error:
            print(f"emrlite: there is no `spark` here: {error}", file=sys.stderr)
            return
        shell.push({"spark": session, "sc": session.sparkContext, "cluster": cluster})

    if VARIABLE in os.environ:
        shell.events.register("pre_run_cell", first_cell)
