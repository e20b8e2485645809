"""One stage in the embedded AWS: its clients, its resources from infra's template, and its stored settings."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from chalicelib.core.settings import Settings
from infra import pipeline_timeouts, template
from infra.settings import timeouts
from local.aws import ACCOUNT, HOST, REGION
from local.cloudformation.properties import Resource
from local.cloudformation.provision import provision
from local.errors import MachineError
from local.fake_api import FakeApi

# Stored in Parameter Store like what is new in each run: so every run uses the whole chain of settings.
STORED_SETTINGS = (Settings.WATERMARK_TEXT, Settings.RESIZE_DIMENSIONS)
# What the local machine adds to the bundled font.
FONTS = Path(__file__).parent / "fonts"
CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")
_CONFIG = Config(max_pool_connections=50, retries={"max_attempts": 0}, proxies={})
# boto3's default for presigned links is the signature of 2006.
_S3_CONFIG = _CONFIG.merge(Config(signature_version="s3v4", s3={"addressing_style": "path"}))


class Stage:
    """`environment` is the stage's; `project` the folder with .chalice/config.json.

    Raises:
        MachineError: the environment has no credentials.
    """

    def __init__(self, project: Path, name: str, environment: Mapping[str, str], aws_url: str) -> None:
        config = project / ".chalice" / "config.json"
        if missing := [variable for variable in CREDENTIALS if variable not in environment]:
            raise MachineError(f"Stage {name} in {config} has no {', '.join(missing)}.")
        self._name = name
        self._environment = environment
        self._aws_url = aws_url
        self._timeouts = timeouts(json.loads(config.read_text()), name)
        key_id, secret, region = (environment[variable] for variable in CREDENTIALS)
        self._session = boto3.Session(aws_access_key_id=key_id, aws_secret_access_key=secret, region_name=region)
        self._clients: dict[str, Any] = {}
        self.resources: dict[str, Resource] = {}

    def client(self, service: str) -> Any:
        """A boto3 client with the stage's credentials."""
        if service not in self._clients:
            config = _S3_CONFIG if service == "s3" else _CONFIG
            self._clients[service] = self._session.client(service, endpoint_url=self._aws_url, config=config)
        return self._clients[service]

    def create_resources(self) -> None:
        """Create the resources of the template, and store the settings that depend on them."""
        cors = Settings.CORS_ORIGIN
        origin = self._environment.get(cors.name, cors.default or "")
        # The page is at the API's address, whose port is not known yet.
        page = "" if origin == "*" else f"http://{HOST}:*"
        parameters = {"Stage": self._name, "BucketSuffix": "machine", "CorsOrigin": origin, "PageOrigin": page}
        pseudo = {"AWS::Region": REGION, "AWS::AccountId": ACCOUNT, "AWS::Partition": "aws"}
        timed_template = pipeline_timeouts.with_timeouts(template.load(), self._timeouts)
        self.resources = provision(timed_template, parameters, self.client, pseudo)
        self._store_settings()
        self._store_fonts()
        if sender := self._environment.get("SENDER_EMAIL"):
            self.client("ses").verify_email_identity(EmailAddress=sender)

    def use_fake_api(self, fake_api: FakeApi) -> None:
        """Let the sync jobs read the fake API.

        The secret has no base URL: with one, the fake API would also do the users' actions.
        """
        secret = json.dumps({"source_api_key": fake_api.api_key})
        secret_id = f"darkroom/{self._name}/external-services"
        self.client("secretsmanager").put_secret_value(SecretId=secret_id, SecretString=secret)
        self._put_setting("EXTERNAL_API_URL", "String", fake_api.url)

    def _store_settings(self) -> None:
        settings = {each.name: ("String", each.default or "") for each in STORED_SETTINGS}
        if "UserPool" in self.resources:
            pool, client = self.resources["UserPool"].ref, self.resources["ApiClient"].ref
            described = self.client("cognito-idp").describe_user_pool_client(UserPoolId=pool, ClientId=client)
            settings["COGNITO_USER_POOL_ID"] = ("String", pool)
            settings["COGNITO_CLIENT_ID"] = ("String", client)
            settings["COGNITO_CLIENT_SECRET"] = ("SecureString", described["UserPoolClient"]["ClientSecret"])
            settings["JWKS_URL"] = ("SecureString", f"{self._aws_url}/{pool}/.well-known/jwks.json")
        for name, (kind, value) in settings.items():
            if name not in self._environment:
                self._put_setting(name, kind, value)

    def _store_fonts(self) -> None:
        """Put fonts where exports look for them."""
        bucket, prefix = self._environment.get("S3_OUTPUT_BUCKET"), self._environment.get("FONTS_PREFIX")
        if bucket and prefix:
            for font in sorted(FONTS.glob("*.ttf")):
                self.client("s3").put_object(Bucket=bucket, Key=prefix + font.name, Body=font.read_bytes())

    def _put_setting(self, name: str, kind: str, value: str) -> None:
        service = self._environment.get("SERVICE_NAME", "darkroom")
        self.client("ssm").put_parameter(Name=f"/darkroom/{self._name}/{service}/{name}", Type=kind, Value=value)
