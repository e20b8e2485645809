"""`python -m darkroom`: the same as `darkroom`."""

import sys

from darkroom.main import run

if __name__ == "__main__":
    sys.exit(run())
