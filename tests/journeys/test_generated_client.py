"""The contract is good enough to generate a client from: its program compiles, and uploads a photo."""

import json
import shutil
from pathlib import Path

import requests

from local.machine import Machine
from tests import node, pictures
from tests.journeys.user import User


def test_a_generated_client_in_typescript_compiles_signs_in_uploads_and_waits(
    machine: Machine, ann: User, tmp_path: Path
) -> None:
    contract = tmp_path / "openapi.json"
    contract.write_bytes(requests.get(f"{machine.api_url}/openapi.json", timeout=30).content)
    node.run(node.tool("@hey-api/openapi-ts", "bin/run.js"), "-i", contract, "-o", tmp_path / "darkroom")
    for name in ("upload.ts", "tsconfig.json"):
        shutil.copy(node.PACKAGES / name, tmp_path)
    (tmp_path / "package.json").write_text("{}")
    types = node.PACKAGES / "node_modules" / "@types"
    node.run(node.tool("typescript", "bin/tsc"), "--project", tmp_path, "--typeRoots", types)

    photo = tmp_path / "photo.jpg"
    photo.write_bytes(pictures.jpeg(640, 480))
    image = json.loads(node.run(tmp_path / "out" / "upload.js", machine.api_url, ann.email, ann.password, photo))
    assert (image["status"], len(image["variants"])) == ("COMPLETED", 6)
    assert ann.image(image["imageId"])["fileName"] == "photo.jpg"
