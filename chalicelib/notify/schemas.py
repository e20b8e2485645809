"""The JSON Schema of what a webhook gets."""

from chalicelib.core.schemas import says, shape, text

NOTIFICATION = shape(
    {
        "imageId": text("The image's id.", "img_01kb4z7q0m8w2r5t6v9x3c1d4e"),
        "fileName": text("As it was announced.", "holiday.jpg"),
        "status": {"enum": ["COMPLETED", "FAILED"], **says("How it ended.", "COMPLETED")},
        "execution": text(
            "Which processing of the image ended: a second notification with the same value says nothing new.",
            "img_01kb4z7q0m8w2r5t6v9x3c1d4e-1",
        ),
    },
    {
        "reason": text(
            "Why it FAILED, or why an image that is COMPLETED as before could not be processed anew: "
            "a code, a colon, a sentence."
        )
    },
)
