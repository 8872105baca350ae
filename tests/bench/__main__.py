"""``python -m tests.bench``."""

from tests.bench.table import main

if __name__ == "__main__":
    main()
