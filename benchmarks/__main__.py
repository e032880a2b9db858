"""``python -m benchmarks``: every benchmark, each side by side with a peer."""

import sys

from benchmarks import run_vs_local

if __name__ == "__main__":
    sys.exit(run_vs_local.main())
