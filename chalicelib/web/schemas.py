"""The JSON Schema of a file's route."""

from chalicelib.core.schemas import shape

ASSET = shape({"name": {"type": "string", "pattern": r"^[a-z][a-z_]{0,40}\.[a-z]{2,4}$", "maxLength": 46}})
