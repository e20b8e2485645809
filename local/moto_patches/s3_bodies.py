"""moto's objects have their bodies in files, not in memory."""

import hashlib
import threading
from typing import Any

from local.patching import patch
from local.state.bodies import BODIES, Body


def keep_bodies_in_files() -> None:
    """Replace the buffer that each object has."""
    from moto.s3.models import FakeKey

    def get_value(self: Any) -> bytes:
        content: bytes = self.body.read()
        return content

    def set_value(self: Any, content: bytes | str | Body) -> None:
        if isinstance(content, str):
            content = content.encode()
        if isinstance(content, bytes) and self._etag is None:
            self._etag = hashlib.md5(content, usedforsecurity=False).hexdigest()
        # moto's own buffer stays empty.
        self._value_buffer.close()
        self.body = content if isinstance(content, Body) else BODIES.store(content)
        self.contentsize = self.body.size

    def get_state(self: Any) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("_value_buffer", "lock")}

    def set_state(self: Any, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.lock = threading.Lock()

    # moto warns of an object that is forgotten with its buffer open.
    patch(FakeKey, "__del__", lambda self: None)
    patch(FakeKey, "value", property(get_value, set_value))
    patch(FakeKey, "__getstate__", get_state)
    patch(FakeKey, "__setstate__", set_state)
