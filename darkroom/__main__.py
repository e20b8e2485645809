"""What starts the command: `darkroom`, and `python -m darkroom`."""

import sys


def main() -> int:
    """Run the command; the exit code."""
    try:
        # Imported here, so that Ctrl-C shows no traceback meanwhile either.
        from darkroom.main import run

        return run()
    except KeyboardInterrupt:
        print("darkroom: stopped.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
