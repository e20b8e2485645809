"""An upgrade of a stage without client secrets: sessions continue, and nobody can sign in past the API."""

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra import template
from tests.deploy.aws import ACCOUNT, Aws
from tests.deploy.checkout import Checkout, Run

# It deploys two versions; the upgrade's tests do so as well.
pytestmark = pytest.mark.slow

EMAIL, PASSWORD = "somebody@example.com", "A-long-Passw0rd!"
STACK = "darkroom-dev-resources"
SECRET = "/darkroom/dev/darkroom/COGNITO_CLIENT_SECRET"


@dataclass(frozen=True)
class Upgraded:
    """The stage dev after the upgrade, and what was there before: the client's id and the tokens that it gave."""

    aws: Aws
    checkout: Checkout
    plan: str
    run: Run
    client: str
    tokens: dict[str, str]

    def ask(self, path: str, body: Any) -> tuple[int, Any]:
        (api,) = self.aws.client("apigateway").get_rest_apis()["items"]
        status, answer, _ = self.aws.ask(api["id"], "POST", f"/dev{path}", body)
        return status, answer


def of_before() -> dict[str, Any]:
    """The template with one client, which has no secret."""
    made = copy.deepcopy(template.load())
    del made["Resources"]["ApiClient"], made["Parameters"]["FormerClient"], made["Outputs"]["FormerClientId"]
    made["Conditions"] = {name: each for name, each in made["Conditions"].items() if "Former" not in name}
    client = made["Resources"]["UserPoolClient"]
    del client["Condition"]
    client["Properties"]["ExplicitAuthFlows"] = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    made["Outputs"]["CognitoClientId"]["Value"] = {"Ref": "UserPoolClient"}
    return made


def put_stack(aws: Aws) -> dict[str, str]:
    """Makes it as an earlier deploy did; its outputs."""
    bucket = f"darkroom-dev-templates-{ACCOUNT}"
    aws.client("s3").create_bucket(Bucket=bucket)
    aws.client("s3").put_object(Bucket=bucket, Key="before.json", Body=json.dumps(of_before()))
    cloudformation = aws.client("cloudformation")
    cloudformation.create_change_set(
        StackName=STACK,
        ChangeSetName="before",
        ChangeSetType="CREATE",
        TemplateURL=f"https://{bucket}.s3.us-east-1.amazonaws.com/before.json",
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Parameters=[
            {"ParameterKey": "Stage", "ParameterValue": "dev"},
            {"ParameterKey": "BucketSuffix", "ParameterValue": ACCOUNT},
        ],
    )
    cloudformation.execute_change_set(StackName=STACK, ChangeSetName="before")
    (stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack
    return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}


def sign_in(aws: Aws, client: str) -> dict[str, str]:
    """Straight at Cognito, as the API did, and as anybody could."""
    answer = aws.client("cognito-idp").initiate_auth(
        ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": EMAIL, "PASSWORD": PASSWORD}
    )
    tokens: dict[str, str] = answer["AuthenticationResult"]
    return tokens


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upgraded]:
    folder: Path = tmp_path_factory.mktemp("former")
    with Aws(folder / "aws.log") as aws:
        outputs = put_stack(aws)
        client, cognito = outputs["CognitoClientId"], aws.client("cognito-idp")
        sub = cognito.sign_up(ClientId=client, Username=EMAIL, Password=PASSWORD)["UserSub"]
        cognito.confirm_sign_up(ClientId=client, Username=EMAIL, ConfirmationCode="123456")
        row = {"userId": sub, "email": EMAIL, "role": "USER", "createdAt": "2026-01-01T00:00:00Z"}
        item = {name: {"S": value} for name, value in row.items()} | {"isActive": {"BOOL": True}}
        aws.client("dynamodb").put_item(TableName="darkroom-dev-users", Item=item)
        tokens = sign_in(aws, client)
        checkout = Checkout(folder / "checkout", aws)
        plan = checkout.run("-m", "infra", "deploy", "--stage", "dev", "--dry-run").stdout
        run = checkout.run("-m", "infra", "deploy", "--stage", "dev", "--yes")
        assert run.returncode == 0, run.stdout + run.stderr
        yield Upgraded(aws, checkout, plan, run, client, tokens)


def test_sessions_continue_after_the_upgrade(upgraded: Upgraded) -> None:
    status, answer = upgraded.ask("/auth/refresh", {"refreshToken": upgraded.tokens["RefreshToken"]})
    assert (status, answer.get("tokenType")) == (200, "Bearer"), answer
    (api,) = upgraded.aws.client("apigateway").get_rest_apis()["items"]
    bearer = {"Authorization": f"Bearer {upgraded.tokens['AccessToken']}"}
    assert upgraded.aws.ask(api["id"], "GET", "/dev/auth/profile", headers=bearer)[0] == 200
    assert upgraded.checkout.environment("dev")["COGNITO_FORMER_CLIENT_ID"] == upgraded.client


def test_sign_in_uses_the_new_client(upgraded: Upgraded) -> None:
    status, answer = upgraded.ask("/auth/signin", {"email": EMAIL, "password": PASSWORD})
    assert status == 200, answer
    assert upgraded.ask("/auth/refresh", {"refreshToken": answer["refreshToken"]})[0] == 200
    former = upgraded.aws.client("cognito-idp")
    with pytest.raises(former.exceptions.NotAuthorizedException):
        former.initiate_auth(
            ClientId=upgraded.client,
            AuthFlow="REFRESH_TOKEN_AUTH",
            AuthParameters={"REFRESH_TOKEN": answer["refreshToken"]},
        )


def test_a_clients_id_alone_is_not_enough_to_sign_in(upgraded: Upgraded) -> None:
    exceptions = upgraded.aws.client("cognito-idp").exceptions
    with pytest.raises(exceptions.InvalidParameterException, match="flow not enabled"):
        sign_in(upgraded.aws, upgraded.client)
    with pytest.raises(exceptions.NotAuthorizedException, match="SECRET_HASH was not received"):
        sign_in(upgraded.aws, upgraded.checkout.environment("dev")["COGNITO_CLIENT_ID"])


def test_the_secret_is_only_in_parameter_store_and_never_printed(upgraded: Upgraded) -> None:
    found = upgraded.aws.client("ssm").get_parameter(Name=SECRET, WithDecryption=True)["Parameter"]
    assert found["Type"] == "SecureString"
    output = upgraded.plan + upgraded.run.stdout + upgraded.run.stderr
    assert SECRET in upgraded.plan
    assert found["Value"] not in output + json.dumps(upgraded.checkout.config)
    for function in upgraded.aws.client("lambda").list_functions()["Functions"]:
        assert found["Value"] not in json.dumps(function["Environment"])


def test_a_second_deploy_does_not_change_the_clients(upgraded: Upgraded) -> None:
    mark = len(upgraded.aws.calls())
    run = upgraded.checkout.run("-m", "infra", "deploy", "--stage", "dev", "--dry-run")
    assert run.returncode == 0, run.stdout + run.stderr
    assert SECRET not in run.stdout
    assert "UserPoolClient" not in run.stdout
    assert not [each for each in upgraded.aws.calls(mark) if each.what == "PutParameter"]
