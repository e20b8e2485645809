"""usage: requests, cost and images of a period."""

import click

from darkroom import options
from darkroom.api import Answer, Api
from darkroom.options import of_input
from darkroom.output import Output, bytes_in_words, printable, table


@click.command()
@of_input("get_usage", "start", "--from", "start")
@of_input("get_usage", "end", "--until", "end")
@options.connected
def usage(api: Api, out: Output, start: str | None, end: str | None) -> None:
    """Show your requests and their cost by day and operation, your images, and what you store."""
    found = api.call("get_usage", start=start, end=end)
    out.answer(found, in_text(found))


def in_text(found: Answer) -> str:
    """Usage of a period, as the terminal shows it."""
    period = found["period"]
    parts = [f"{period['start']} to {period['end']}: {_sum(found['totals'])}"]
    if images := found.get("images"):
        counted = [f"{images[what]} {what}" for what in ("completed", "failed", "deleted") if what in images]
        parts.append(f"Images: {images.get('images', 0)} new{''.join(f', {each}' for each in counted)}.")
    if storage := found.get("storage"):
        limit = storage.get("limit")
        of_limit = f" of {bytes_in_words(limit)}" if limit is not None else ""
        parts.append(f"Stored: {bytes_in_words(storage['bytes'])}{of_limit}.")
    for heading, name in (("day", "byDay"), ("operation", "byOperation"), ("key", "byKey")):
        rows = [(each[_FIELD[name]], *_numbers(each)) for each in found.get(name, ())]
        if rows:
            parts.append("\n" + table((heading, "requests", "failures", "dollars"), rows))
    return printable("\n".join(parts))


_FIELD = {"byDay": "day", "byOperation": "operation", "byKey": "keyId"}


def _sum(each: Answer) -> str:
    return f"{each['requests']} requests, {each['failures']} of them failed, {each['dollars']:.4f} dollars."


def _numbers(each: Answer) -> tuple[int, int, str]:
    return each["requests"], each["failures"], f"{each['dollars']:.6f}"
