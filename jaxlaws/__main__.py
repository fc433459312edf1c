"""`python -m jaxlaws` is the command line."""

import sys

from jaxlaws.cli import main

if __name__ == "__main__":
    sys.exit(main())
