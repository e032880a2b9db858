"""Bytes per second through ``s3://`` from Spark, against ``file://`` in the same session on a cluster."""

from __future__ import annotations

import json
import subprocess
import sys

from benchmarks import run_vs_local
from benchmarks.figures import Row, ratio
from benchmarks.options import Options, scratch_home

#: Large objects, MiB of each, small objects, KiB of each.
SIZES = (8, 32, 500, 64)
SMALL_SIZES = (2, 1, 10, 64)


def measure(options: Options) -> dict[str, Row]:
    """Return the row ``s3_bytes``."""
    home = scratch_home(options.folder / "bytes-home")
    folder = home / "bytes"  # the home is what all nodes see alike, /tmp is not
    folder.mkdir()
    sizes = SMALL_SIZES if options.small else SIZES
    command = [
        sys.executable, "-m", "emrlite", "--home", str(home), "run", "--core", str(options.core), "--task",
        str(options.task), "--input", f"{__file__}=s3://bytes/keep",
        str(run_vs_local.HERE / "s3_bytes_job.py"), str(folder / "result.json"), f"file://{folder}", "s3://bytes/data",
        str(options.pairs), *map(str, sizes)]
    with (folder / "log").open("w") as log:
        done = subprocess.run(command, stdout=log, stderr=log, timeout=run_vs_local.RUN_SECONDS)
    if done.returncode != 0:
        raise SystemExit(f"{(folder / 'log').read_text()}\nended with exit code {done.returncode}")
    return {"s3_bytes": row(json.loads((folder / "result.json").read_text()), sizes)}


def row(seconds: dict[str, list[float]], sizes: tuple[int, int, int, int]) -> Row:
    """Bytes per second of both sides; *seconds* has a list for each of ``write|read large|small file|s3``."""
    large, large_mib, small, small_kib = sizes
    mib = {"large": large * large_mib, "small": small * small_kib / 1024}
    measures = []
    for what in ("write large", "read large", "write small", "read small"):
        rates = {scheme: [mib[what.split()[1]] / took for took in seconds[f"{what} {scheme}"]]
                 for scheme in ("s3", "file")}
        measures.append(ratio(what, rates["s3"], rates["file"], "MiB/s", at_least=0.5))
    return Row(
        what=f"bytes through `s3://` from Spark: {large} objects of {large_mib} MiB, {small} of {small_kib} KiB",
        against="`file://` in the same session", measures=measures, raw=seconds)
