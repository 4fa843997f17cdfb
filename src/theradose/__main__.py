"""``python -m theradose``."""

from theradose.cli import main

if __name__ == "__main__":
    main()
