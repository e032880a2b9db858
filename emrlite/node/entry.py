"""Start of the programs on a node that are written in Python: ``python -I entry.py NAME [ARGUMENT …]``.

Run by path, so that it works in isolated mode wherever emrlite lies.  Only what NAME needs is imported.
"""

import os
import sys


def main() -> None:
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    name, *args = sys.argv[1:]
    if name == "script-runner":
        from emrlite.node import script_runner

        script_runner.main(args)
    elif name == "jar-runner":
        from emrlite.node import jar_runner

        jar_runner.main(args)
    elif name == "executor":
        from emrlite.node import executor

        executor.main(args)
    else:
        from emrlite.node import spark_programs

        spark_programs.main(name, args)


if __name__ == "__main__":
    main()
