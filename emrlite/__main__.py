"""``python -m emrlite``."""

from emrlite.cli import main

if __name__ == "__main__":
    main()
