"""EMR for notebooks: `start` an emulator, make a cluster, take its `spark` session, look at its `card`.

The emulator is a process of its own, so that ``mock_aws`` in a cell and the emulator's own moto
never meet; it ends with the notebook's process, however that ends.
"""

from emrlite.jupyter.clusters import Cluster, card
from emrlite.jupyter.emulator import Emulator, start
from emrlite.jupyter.session import spark

__all__ = ["Cluster", "Emulator", "card", "spark", "start"]
