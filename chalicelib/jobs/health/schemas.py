"""JSON Schema of the result of the health check."""

from chalicelib.core.schemas import TIME, says, shape, text

HEALTH = shape(
    {
        "status": {
            "enum": ["ok", "degraded", "unknown"],
            **says("`unknown`: there was no check for 45 minutes.", "ok"),
        },
        "version": text("Darkroom's version.", "0.2.0"),
        "stage": text("The stage.", "prod"),
        "checkedAt": {**TIME, "type": ["string", "null"]},
        "dependencies": {
            "type": "array",
            "items": shape(
                {
                    "name": text("What was asked.", "storage"),
                    "status": text("`ok`, `degraded` or `down`.", "ok"),
                }
            ),
        },
    }
)
