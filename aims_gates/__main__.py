"""``python -m aims_gates``: the command line, where the console script is not on the path."""

from aims_gates.cli import entry

if __name__ == "__main__":
    entry()
