"""Users' ids as today's user pools make them, to make up one beside which a real one does not stand out."""

import re
import secrets

# Of the first eight digits every second one is the pool's region's; version 7; nothing marks the variant. AWS states no
# form: this is how the ids look that pools have made since about 2023.
_FORM = re.compile(r"[0-9a-f]{8}-[0-9a-f]0[0-9a-f]1-70[0-9a-f]{2}-[0-9a-f]{4}-[0-9a-f]{12}")
_FIXED = frozenset({1, 3, 5, 7, 10, 12, 14, 15})
_EXAMPLE = "04080408-0001-7000-0000-000000000000"


def made_up(like: str) -> str:
    """A made-up id, another at each call, in the form of a real one of the same pool (`like`).

    A user of an older form stands for no others: then the form is that of new ids in us-east-1.
    """
    pattern = like if _FORM.fullmatch(like) else _EXAMPLE
    return "".join(
        each if each == "-" or place in _FIXED else secrets.choice("0123456789abcdef")
        for place, each in enumerate(pattern)
    )
