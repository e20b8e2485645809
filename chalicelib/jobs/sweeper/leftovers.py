"""Files that were replaced, or written for an image that was deleted meanwhile: removed when nothing uses them."""

import functools

from chalicelib import images
from chalicelib.images import Status
from chalicelib.jobs.rounds import Round

# A link to a file works for an hour at the most: readers who have one from before get the file to its end.
_REPLACED_MINUTES = 75


def sweep_leftovers(a_round: Round) -> None:
    """Removes what steps may have written of deleted images, and what later executions have replaced."""
    for status, minutes in ((Status.DELETED, images.EXECUTION_MINUTES), (Status.COMPLETED, _REPLACED_MINUTES)):
        for row in a_round.until_deadline(
            images.rows_with_leftovers(status, a_round.since, a_round.before(minutes=minutes))
        ):
            if a_round.change(functools.partial(images.remove_leftovers, row)):
                a_round.count("leftoversRemoved")
