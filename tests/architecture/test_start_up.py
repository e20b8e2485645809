"""What the first request of a cold container imports."""

import subprocess
import sys

from bench import cold_start
from infra.settings import ROOT

# Pillow is for pictures; the others are for tokens, bodies and keys, which most functions never use. Each is imported
# where it is first needed: importing them all took half of the start.
LATER = {"PIL", "cryptography", "jsonschema", "jwt", "requests"}


def test_the_api_answers_its_first_request_without_importing_rarely_needed_libraries() -> None:
    script = f"{cold_start.OURS}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    ended = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=cold_start.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    imported = set(ended.stdout.splitlines()[-1].split())
    assert {"boto3", "chalicelib"} <= imported
    assert not imported & LATER
