"""A user of Darkroom who uses only its HTTP API."""

import secrets
import threading
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests

from tests.waiting import wait_for

PASSWORD = "Sunny-Day-2026!"


class Connections(threading.local):
    """One session a thread, for all users: a new connection for each request costs as much as the request."""

    def __init__(self) -> None:
        self._session: requests.Session | None = None

    def session(self) -> requests.Session:
        if self._session is None:
            self._session = requests.Session()
            # Neither proxies nor netrc of the environment, and no cookies from one user to the next.
            self._session.trust_env = False
            self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        return self._session


connections = Connections()


@dataclass
class User:
    """A user of the API at `url`; `sign_in` or `new` gets the tokens."""

    url: str
    email: str = field(default_factory=lambda: f"u{secrets.token_hex(6)}@example.com")
    password: str = PASSWORD
    tokens: dict[str, Any] = field(default_factory=dict)
    more_headers: dict[str, str] = field(default_factory=dict)
    _id: str = ""

    @classmethod
    def new(cls, url: str, name: str | None = None) -> "User":
        """A user who has signed up, verified the address and signed in."""
        user = cls(url)
        optional = {} if name is None else {"name": name}
        assert user.post("/auth/signup", email=user.email, password=user.password, **optional).status_code == 200
        assert user.post("/auth/verify", email=user.email, code="123456").status_code == 200
        user.sign_in()
        return user

    def sign_in(self) -> None:
        response = self.post("/auth/signin", email=self.email, password=self.password)
        assert response.status_code == 200, response.text
        self.tokens = response.json()

    @property
    def id(self) -> str:
        # It never changes, and asking costs a request.
        self._id = self._id or str(self.get("/auth/validate").json()["user"]["userId"])
        return self._id

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens['accessToken']}"} if self.tokens else {}

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {**self.headers, **self.more_headers, **options.pop("headers", {})}
        options |= {"headers": headers, "timeout": 30, "allow_redirects": False}
        return connections.session().request(method, self.url + path, **options)

    def get(self, path: str, **query: Any) -> requests.Response:
        return self.request("GET", path, params=query)

    def post(self, path: str, **body: Any) -> requests.Response:
        return self.request("POST", path, json=body)

    def announce(self, data: bytes, media_type: str = "image/jpeg", name: str = "photo.jpg", **more: Any) -> Any:
        """The content of the response of POST /upload for this file."""
        response = self.post("/upload", fileName=name, fileType=media_type, **more)
        assert response.status_code == 200, response.text
        return response.json()

    def upload(self, data: bytes, media_type: str = "image/jpeg", name: str = "photo.jpg") -> str:
        """Upload a file by a presigned PUT; the image's id."""
        announced = self.announce(data, media_type, name)
        put = requests.put(announced["uploadUrl"], data=data, headers=announced["headers"], timeout=30)
        assert put.status_code == 200, put.text
        return str(announced["imageId"])

    def image(self, image_id: str) -> dict[str, Any]:
        response = self.get(f"/images/{image_id}")
        assert response.status_code == 200, response.text
        image: dict[str, Any] = response.json()["image"]
        return image

    def finished(self, image_id: str, within: float = 30.0, every: float = 0.02) -> dict[str, Any]:
        """The image once it is COMPLETED or FAILED."""

        def look() -> dict[str, Any] | None:
            image = self.image(image_id)
            return image if image["status"] in ("COMPLETED", "FAILED") else None

        return wait_for(look, f"{image_id} to be finished", within, every)
