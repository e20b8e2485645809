"""The machine is killed at random moments while pictures are uploaded: what is older than a second stays."""

import functools
import random
import threading
import time
from pathlib import Path

import pytest
import requests

from tests import pictures
from tests.machine import process_table
from tests.machine.running_machine import RunningMachine, Session
from tests.waiting import wait_for

# In seconds: what was acknowledged longer before the kill must be there.
LOST_AT_MOST = 1.0
# In seconds: an image that was under way is finished so long after the last start.
CONVERGES_WITHIN = 120.0


class Uploader:
    """Sends pictures until the machine is killed, and notes when each upload was acknowledged."""

    def __init__(self, session: Session, numbers: random.Random) -> None:
        self._session = session
        self._numbers = numbers
        self.acknowledged: list[tuple[float, str]] = []
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    def _send(self) -> None:
        try:
            while True:
                picture = pictures.jpeg(64 + self._numbers.randrange(64), 64)
                image_id = self._session.upload(picture)
                self.acknowledged.append((time.monotonic(), image_id))
        except requests.RequestException:
            return

    def has_older(self) -> bool:
        """Whether something was acknowledged that a kill must not take."""
        return bool(self.acknowledged) and self.acknowledged[0][0] < time.monotonic() - LOST_AT_MOST

    def older_than(self, moment: float) -> list[str]:
        """What was acknowledged before."""
        self._thread.join()
        return [image_id for at, image_id in self.acknowledged if at < moment]


@pytest.mark.parametrize("kills", [1, pytest.param(50, marks=pytest.mark.slow)])
def test_what_is_older_than_a_second_outlives_every_kill(tmp_path: Path, kills: int) -> None:
    numbers = random.Random(kills)
    expected: list[str] = []
    machine = RunningMachine(tmp_path)
    session = Session(machine.wait_until_ready())
    for _ in range(kills):
        uploader = Uploader(session, numbers)
        threading.Event().wait(numbers.uniform(0, 4))
        if not expected:
            wait_for(uploader.has_older, "an upload that is older than a second", CONVERGES_WITHIN)
        killed_at, started = time.monotonic(), process_table.descendants(machine.process.pid)
        machine.kill()
        wait_for(functools.partial(process_table.all_ended, started), "the end of all processes")
        expected += uploader.older_than(killed_at - LOST_AT_MOST)
        if numbers.random() < 0.2:
            # While it starts.
            machine = RunningMachine(tmp_path)
            threading.Event().wait(numbers.uniform(0, 4))
            machine.kill()
        machine = RunningMachine(tmp_path)
        session.url = machine.wait_until_ready()
        # The token is that of the first run.
        for image_id in expected[-20:]:
            assert session.image(image_id)["imageId"] == image_id
    try:
        for image_id in expected:
            wait_for(functools.partial(_is_completed, session, image_id), image_id, CONVERGES_WITHIN)
        # Nor is one stuck that was younger, and is there by chance.
        for status in ("UPLOADED", "PROCESSING"):
            wait_for(functools.partial(_is_none, session, status), f"the last {status} image", CONVERGES_WITHIN)
        assert machine.interrupt() == 0
    finally:
        machine.kill()


def _is_completed(session: Session, image_id: str) -> bool:
    image = session.image(image_id)
    assert image["status"] != "FAILED", image
    return bool(image["status"] == "COMPLETED")


def _is_none(session: Session, status: str) -> bool:
    return not session.call("GET", f"/images?status={status}")["items"]
