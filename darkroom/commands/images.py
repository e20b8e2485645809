"""ls, get and rm: the images that are there; presets: how their variants are made."""

import itertools
from pathlib import Path
from typing import Any

import click

from darkroom import files, options
from darkroom.api import Api
from darkroom.errors import ApiError, DarkroomError
from darkroom.files import Download
from darkroom.options import Command, id_argument, of_input
from darkroom.output import Output, bytes_in_words, counted, printable, table, time_in_words

# Images whose links are asked for together.
_AT_ONCE = 25
_FILTERS = ("status", "tag", "name", "from", "to")


def _filtered(command: Command) -> Command:
    for name in reversed(_FILTERS):
        command = of_input("list_images", name, *_flags(name))(command)
    return command


def _flags(name: str) -> tuple[str, ...]:
    # --to is the folder of the commands that download.
    return {"from": ("--from", "from_day"), "to": ("--until", "to_day")}.get(name, ())


def _filters(status: str | None, tag: str | None, name: str | None, from_day: str | None, to_day: str | None) -> Any:
    return {"status": status, "tag": tag, "name": name, "from": from_day, "to": to_day}


@click.command()
@_filtered
@options.limit(50)
@click.option("--all", "everything", is_flag=True, help="All of them.")
@options.connected
def ls(api: Api, out: Output, limit: int, everything: bool, **filters: Any) -> None:
    """List images, newest first."""
    asked = None if everything else limit + 1
    found = list(api.pages("list_images", asked, **_filters(**filters)))
    shown = found if everything else found[:limit]
    rows = [
        (
            each["imageId"],
            each["status"],
            bytes_in_words(each["fileSize"]),
            _dimensions(each),
            time_in_words(each["createdAt"]),
            each["title"] or each["fileName"],
        )
        for each in shown
    ]
    text = table(("image", "status", "size", "pixels", "created", "name"), rows, "There are no such images.")
    out.answer({"success": True, "items": shown, "hasMore": len(found) > len(shown)}, text)
    if len(found) > len(shown):
        out.note(f"There are more than {limit}: --limit {limit * 2}, or --all")


def _dimensions(image: dict[str, Any]) -> str:
    found = image["metadata"]
    return f"{found['width']}x{found['height']}" if "width" in found else ""


@click.command()
@click.argument("images", nargs=-1, metavar="IMAGE...")
@click.option("--all", "everything", is_flag=True, help="Every image that the filters leave.")
@_filtered
@click.option("--variant", "names", multiple=True, help=f"Only this variant, such as medium. {options.REPEAT}")
@options.TO
@options.connected
def get(
    api: Api, out: Output, images: tuple[str, ...], everything: bool, names: tuple[str, ...], to: str, **filters: Any
) -> None:
    """Download the variants of images into a folder.

    Each image gets a folder of its own. What is there already is not downloaded again.
    """
    given = {name: value for name, value in _filters(**filters).items() if value is not None}
    if bool(images) == (everything or bool(given)):
        raise click.UsageError("Name images, or choose them with filters or --all.")
    found = (
        (api.call("get_image", imageId=each)["image"] for each in images)
        if images
        else api.pages("list_images", **given)
    )
    wanted, fetched = list[Download](), list[Download]()

    def note(download: Download) -> None:
        fetched.append(download)
        out.status(f"{len(fetched)} files")

    # Some images at a time, so that no link expires before its turn.
    while some := list(itertools.islice(found, _AT_ONCE)):
        for image in some:
            if images and image["status"] != "COMPLETED":
                raise DarkroomError(f"{image['imageId']} is {image['status']}, and has no variants.")
        downloads = [each for image in some for each in _downloads(image, names, Path(to))]
        wanted += downloads
        files.fetch_all(api, downloads, note)
    if names and not wanted:
        raise DarkroomError(f"No image has a variant of that name: {', '.join(names)}.")
    document = {"success": True, "files": [str(each.path) for each in wanted], "fetched": len(fetched)}
    count = len({each.path.parent for each in wanted})
    out.answer(
        document, f"{counted(len(wanted), 'file')} of {counted(count, 'image')} in {to}, {len(fetched)} downloaded now."
    )


def _downloads(image: dict[str, Any], names: tuple[str, ...], folder: Path) -> list[Download]:
    stem = files.safe_name(Path(image["fileName"]).stem)
    own = folder / files.safe_name(image["imageId"])
    return [
        Download(each["url"], own / files.safe_name(f"{stem}-{each['name']}.{each['format']}"), each["fileSize"])
        for each in image["variants"]
        if not names or each["name"] in names
    ]


@click.command()
@id_argument("images", many=True)
@options.YES
@options.connected
def rm(api: Api, out: Output, images: tuple[str, ...], yes: bool) -> None:
    """Delete images, with every version of every file. This cannot be undone."""
    options.confirm(f"Delete {images[0] if len(images) == 1 else counted(len(images), 'image')}?", yes)
    deleted: list[str] = []
    missing: list[tuple[str, ApiError]] = []
    for number, image_id in enumerate(images):
        out.status(f"{number} of {len(images)} deleted")
        try:
            api.call("delete_image", imageId=image_id)
            deleted.append(image_id)
        except ApiError as error:
            # One image that is gone already keeps no other one from going.
            if error.status != 404 or len(images) == 1:
                raise
            missing.append((image_id, error))
    document = {"success": not missing, "deleted": deleted, "notFound": [each for each, _ in missing]}
    lines = [f"Deleted {len(deleted)} of {len(images)}.", *(f"{each}: {error.line}" for each, error in missing)]
    out.answer(document, "\n".join(lines))
    if missing:
        click.get_current_context().exit(missing[0][1].exit_code)


@click.command()
@options.connected
def presets(api: Api, out: Output) -> None:
    """List the presets that an upload can name."""
    found = api.call("list_presets")["presets"]
    rows = [
        (each["name"], ", ".join(each["formats"]), _traits(each), " ".join(map(_size, each["sizes"]))) for each in found
    ]
    lines = [table(("preset", "formats", "", "sizes"), rows, "There are none.")]
    lines += [f"{each['name']}: {each['description']}" for each in found if each["description"]]
    out.answer({"success": True, "presets": found}, printable("\n".join(lines)))


def _size(size: dict[str, Any]) -> str:
    box = f"{size['width'] or 'any'}x{size['height'] or 'any'}"
    return f"{size['name']}={box}" if size["fit"] == "inside" else f"{size['name']}={box},{size['fit']}"


def _traits(preset: dict[str, Any]) -> str:
    return ", ".join(each for each in ("watermarked", "animated") if preset[each])
