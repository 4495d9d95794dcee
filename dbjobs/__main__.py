"""`python -m dbjobs`."""

from dbjobs.cli import main

if __name__ == "__main__":
    main()
