"""Why a picture is rejected: each reason has a code and a sentence."""

REASONS: dict[str, str] = {
    "empty": "The file is empty.",
    "too_large": "The file has more bytes than are accepted.",
    "too_many_pixels": "The picture has more pixels than are accepted.",
    "type_not_allowed": "This type of file is not accepted.",
    "type_mismatch": "The file is not of the type that it was declared to be.",
    "not_an_image": "The file is not a picture of a type that is known here.",
    "truncated": "The picture ends before its data is complete.",
    "corrupt": "The picture is damaged.",
    "too_complex": "The picture is built in a way that costs far too much to decode.",
    "resource_limit": "The picture needs more memory or time to decode than is allowed.",
    "infected": "The virus scanner found something harmful in the file.",
}

_UNKNOWN = "The picture could not be processed."


def describe(reason: str) -> str:
    """The sentence for a reason code; a general one for a code that is not in REASONS."""
    return REASONS.get(reason, _UNKNOWN)


class ImageRejectedError(Exception):
    """This file cannot be processed, and a retry will not help.

    `reason` is a stable code of REASONS; `message` is a sentence that its owner may read.
    """

    def __init__(self, reason: str, message: str | None = None) -> None:
        self.reason = reason
        self.message = message or describe(reason)
        # Unpickling calls the class with these args.
        super().__init__(self.reason, self.message)

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"
