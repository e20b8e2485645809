"""JSON Schema of the result of the health check."""

from chalicelib.core.schemas import TEXT, shape

HEALTH = shape(
    {
        "status": {"enum": ["ok", "degraded", "unknown"]},
        "version": TEXT,
        "stage": TEXT,
        "checkedAt": {"type": ["string", "null"]},
        "dependencies": {"type": "array", "items": shape({"name": TEXT, "status": TEXT})},
    }
)
