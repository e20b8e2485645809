"""What the contract says and no operation does: about the API as a whole, and the requests that it sends."""

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.core.http.operations import Answer, to_summary
from chalicelib.core.schemas import Schema


@dataclass(frozen=True)
class Webhook:
    """A request that Darkroom sends: its payload, its headers, and what it makes of the receiver's answers."""

    name: str
    tag: str
    description: str
    payload: Schema
    headers: Mapping[str, Schema]
    answers: tuple[Answer, ...]

    @property
    def summary(self) -> str:
        return to_summary(self.description)


@dataclass(frozen=True)
class About:
    """What no operation says: the API's name and description, the tag of each first segment of a path, and webhooks."""

    title: str
    description: str
    license: Mapping[str, str]
    # By first segment of the path: the tag's name. By the tag's name: its description.
    tags: Mapping[str, str]
    tag_descriptions: Mapping[str, str]
    webhooks: tuple[Webhook, ...] = ()
