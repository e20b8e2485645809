"""The API of a running Darkroom as the demo uses it, over HTTP."""

import secrets
from dataclasses import dataclass
from typing import Any

import requests


class DemoError(Exception):
    """The message is a sentence for the user's terminal."""


@dataclass(frozen=True)
class Photo:
    """A photo to upload. `title` is the beginning of its variants' file names."""

    name: str
    media_type: str
    data: bytes
    title: str


class Api:
    """The API of a running Darkroom, used over HTTP."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._headers: dict[str, str] = {}

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The JSON response of a route. Raises DemoError with the route's own message for a failure."""
        try:
            response = requests.request(method, self._url + path, json=body, headers=self._headers, timeout=30)
            content: dict[str, Any] = response.json()
        except (requests.RequestException, ValueError) as error:
            message = f"{self._url} gave no answer to {method} {path}; is it running? (make run, or --start)"
            raise DemoError(message) from error
        if not content.get("success"):
            raise DemoError(f"{method} {path} answered {response.status_code}: {content.get('message')}")
        return content

    def sign_in_as_new_user(self) -> str:
        """Sign up a new user, verify and sign in; the user's e-mail address."""
        email = f"demo-{secrets.token_hex(4)}@example.com"
        password = f"Demo-{secrets.token_urlsafe(12)}-2026!"
        self.call("POST", "/auth/signup", {"email": email, "password": password, "name": "Demo"})
        self.call("POST", "/auth/verify", {"email": email, "code": "123456"})
        tokens = self.call("POST", "/auth/signin", {"email": email, "password": password})
        self._headers = {"Authorization": f"Bearer {tokens['accessToken']}"}
        return email

    def upload(self, photo: Photo) -> str:
        """Upload a photo by a presigned request; the image's id."""
        file = {"fileName": photo.name, "fileType": photo.media_type, "fileSize": len(photo.data)}
        created = self.call("POST", "/upload", file)
        try:
            put = requests.put(created["uploadUrl"], data=photo.data, headers=created["headers"], timeout=60)
        except requests.RequestException as error:
            raise DemoError(f"{photo.name} could not be sent: {type(error).__name__}") from error
        if put.status_code != 200:
            raise DemoError(f"S3 refused {photo.name} with {put.status_code}")
        return str(created["imageId"])

    def image(self, image_id: str) -> dict[str, Any]:
        image: dict[str, Any] = self.call("GET", f"/images/{image_id}")["image"]
        return image
