"""A process of a function whose time a test drives: it follows a clock in a file, never sleeps, and signs its calls.

Only what the application reads moves. Signatures keep the real time, as those of every other client do.
"""

import datetime
import importlib
import mmap
import os
import struct
import sys
import time
import types
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

# The variable with the path of the file, which holds how many seconds the time is ahead, as a double.
CLOCK_FILE = "LOCAL_CLOCK_FILE"
# botocore writes its value into the User-Agent of each call: the embedded AWS can tell whose call it is.
_CALLER = "AWS_SDK_UA_APP_ID"
_OFFSET = struct.Struct("d")
# Beside the application: who reads the time for it.
_LIBRARIES = ("jwt.api_jwt", "aws_lambda_powertools.utilities.idempotency.persistence.base")
_FOLLOWING = ("chalicelib.", "aws_lambda_powertools.utilities.idempotency.", "jwt.")
# Its pauses between tries.
_SLEEPING = ("botocore.endpoint",)


def is_asked_for() -> bool:
    """Whether this process was started to be driven."""
    return CLOCK_FILE in os.environ


def write_offset(path: Path, seconds: float) -> None:
    """Let all processes with this file be so far ahead from now on."""
    with path.open("r+b" if path.exists() else "wb") as file:
        file.write(_OFFSET.pack(seconds))


def prepare(function: str) -> None:
    """Follow the clock, and name the function in every call to AWS."""
    os.environ[_CALLER] = function
    with Path(os.environ[CLOCK_FILE]).open("rb") as file:
        shared = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    for name in _LIBRARIES:
        importlib.import_module(name)
    modules = [module for name, module in list(sys.modules.items()) if f"{name}.".startswith(_FOLLOWING)]
    follow(modules, lambda: float(_OFFSET.unpack_from(shared)[0]), lambda seconds: None)
    follow(map(importlib.import_module, _SLEEPING), lambda: 0.0, lambda seconds: None)


def follow(modules: Iterable[Any], offset: Callable[[], float], sleep: Callable[[float], None]) -> None:
    """Replace what these modules have imported of `time` and `datetime`: they are ahead by `offset` seconds."""
    replacements = _replacements(offset, sleep)
    for module in modules:
        for name, value in list(vars(module).items()):
            if (replacement := replacements.get(id(value))) is not None:
                setattr(module, name, replacement)


def _replacements(offset: Callable[[], float], sleep: Callable[[float], None]) -> dict[int, Any]:
    """By the id of what is replaced."""
    clock = types.ModuleType("time")
    clock.__dict__.update(vars(time))
    replaced = {
        "time": lambda: time.time() + offset(),
        "time_ns": lambda: time.time_ns() + int(offset() * 1e9),
        "sleep": sleep,
    }
    clock.__dict__.update(replaced)
    calendar = types.ModuleType("datetime")
    calendar.__dict__.update(vars(datetime) | {"datetime": _driven_datetime(offset)})
    functions = {id(getattr(time, name)): value for name, value in replaced.items()}
    return {**functions, id(time): clock, id(datetime): calendar, id(datetime.datetime): calendar.datetime}


def _driven_datetime(offset: Callable[[], float]) -> Any:
    """The class with another present. All that it makes are plain datetimes."""

    class Kind(type):
        def __instancecheck__(cls, instance: Any) -> bool:
            return isinstance(instance, datetime.datetime)

    class Driven(datetime.datetime, metaclass=Kind):
        def __new__(cls, *arguments: Any, **named: Any) -> Any:
            return datetime.datetime.__new__(datetime.datetime, *arguments, **named)

        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Any:
            return datetime.datetime.fromtimestamp(time.time() + offset(), tz)

        @classmethod
        def utcnow(cls) -> Any:
            return cls.now(datetime.UTC).replace(tzinfo=None)

    return Driven
