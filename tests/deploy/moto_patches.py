"""Patches where moto differs from AWS in a way that only deployments notice."""

import copy
import json
from typing import Any

from local.patching import patch

LARGEST_ENVIRONMENT = 4096


def apply() -> None:
    """Applies all patches."""
    _take_filter_names_with_capitals()
    _import_what_chalice_writes()
    _integrate_mocks_without_uri()
    _keep_the_least_size_to_compress()
    _keep_a_stages_settings()
    _deploy_what_stands()
    _update_all_of_a_functions_configuration()
    _replace_event_invoke_configs()
    _find_mappings_by_name_and_arn()
    _find_layers_by_arn()
    _number_versions_on()
    _hold_lambdas_limits()
    _know_awss_own_keys()
    _keep_what_a_user_pool_is_made_with()
    _let_states_last()


# ------------------------------------------------------------- needed by `chalice deploy`


def _take_filter_names_with_capitals() -> None:
    # Chalice writes "Prefix". S3 accepts both spellings and keeps them; moto only accepts lower case.
    from moto.s3.responses import S3Response

    stock = S3Response._notification_config_from_body

    def notification_config_from_body(self: Any) -> Any:
        for name in ("Prefix", "Suffix"):
            self.body = self.body.replace(f"<Name>{name}</Name>".encode(), f"<Name>{name.lower()}</Name>".encode())
        return stock(self)

    patch(S3Response, "_notification_config_from_body", notification_config_from_body)


def _import_what_chalice_writes() -> None:
    # Chalice's document is Swagger 2.0 without a description. API Gateway accepts it; moto needs OpenAPI 3 with one. In
    # mode overwrite, API Gateway also removes what the document lacks, such as gateway responses.
    from moto.apigateway.models import APIGatewayBackend

    taken_in, put = APIGatewayBackend.import_rest_api, APIGatewayBackend.put_rest_api

    def import_rest_api(self: Any, api_doc: dict[str, Any], fail_on_warnings: bool) -> Any:
        api_doc["info"].setdefault("description", None)
        return taken_in(self, api_doc, fail_on_warnings)

    def put_rest_api(
        self: Any, function_id: str, api_doc: dict[str, Any], fail_on_warnings: bool, mode: str = "merge"
    ) -> Any:
        plain = {name: value for name, value in api_doc.items() if name != "swagger"}
        if mode == "overwrite":
            self.get_rest_api(function_id).gateway_responses.clear()
        return put(self, function_id, plain, fail_on_warnings, mode)

    patch(APIGatewayBackend, "import_rest_api", import_rest_api)
    patch(APIGatewayBackend, "put_rest_api", put_rest_api)


def _integrate_mocks_without_uri() -> None:
    # Chalice uses mock integrations for preflights, which have no URI; moto's parameter has no default. Chalice writes
    # the types in lower case, which API Gateway converts and moto does not.
    from moto.apigateway.models import APIGatewayBackend

    stock = APIGatewayBackend.put_integration
    defaults = {"uri": "", "integration_method": ""}
    answers = {"selection_pattern": "", "response_templates": {}, "response_parameters": {}}
    respond = APIGatewayBackend.put_integration_response

    def put_integration(self: Any, function_id: str, **given: Any) -> Any:
        given["integration_type"] = given["integration_type"].upper()
        return stock(self, function_id, **{**defaults, **given})

    def put_integration_response(self: Any, function_id: str, **given: Any) -> Any:
        return respond(self, function_id, **{**answers, **given})

    patch(APIGatewayBackend, "put_integration", put_integration)
    patch(APIGatewayBackend, "put_integration_response", put_integration_response)


# ------------------------------------------------------------- needed by `infra deploy`


def _keep_the_least_size_to_compress() -> None:
    # Chalice sets it by an update, which moto ignores.
    from moto.apigateway.models import RestAPI

    stock = RestAPI.apply_patch_operations

    def apply_patch_operations(self: Any, patch_operations: list[dict[str, Any]]) -> None:
        stock(self, patch_operations)
        sizes = [op.get("value") for op in patch_operations if op["path"] == "/minimumCompressionSize"]
        if sizes:
            self.minimum_compression_size = int(sizes[-1]) if sizes[-1] else None

    patch(RestAPI, "apply_patch_operations", apply_patch_operations)


def _keep_a_stages_settings() -> None:
    # A new deployment to a stage keeps its throttling and log settings; moto creates a new stage.
    from moto.apigateway.models import RestAPI

    stock = RestAPI.create_deployment

    def create_deployment(self: Any, name: str, description: str, stage_variables: Any = None) -> Any:
        current = self.stages.get(name)
        deployment = stock(self, name, description, stage_variables)
        if current is not None:
            current.deployment_id = deployment.id
            self.stages[name] = current
        return deployment

    patch(RestAPI, "create_deployment", create_deployment)


def _deploy_what_stands() -> None:
    # A stage uses the responses of its deployment. Later changes take effect with the next deployment.
    from moto.apigateway.models import RestAPI

    stock = RestAPI.create_deployment

    def create_deployment(self: Any, name: str, description: str, stage_variables: Any = None) -> Any:
        deployment: Any = stock(self, name, description, stage_variables)
        deployment.snapshot = {
            "methods": {each.get_path(): copy.deepcopy(each.resource_methods) for each in self.resources.values()},
            "responses": copy.deepcopy(self.gateway_responses),
        }
        return deployment

    patch(RestAPI, "create_deployment", create_deployment)


def _update_all_of_a_functions_configuration() -> None:
    # moto ignores the key and the tracing.
    from moto.awslambda.models import LambdaFunction

    stock = LambdaFunction.update_configuration

    def update_configuration(self: Any, config_updates: dict[str, Any]) -> Any:
        self.kms_key_arn = config_updates.get("KMSKeyArn", self.kms_key_arn) or None
        self.tracing_config = config_updates.get("TracingConfig", self.tracing_config)
        return stock(self, config_updates)

    patch(LambdaFunction, "update_configuration", update_configuration)


def _replace_event_invoke_configs() -> None:
    # moto adds a second one and returns the first.
    from moto.awslambda.models import LambdaBackend

    stock = LambdaBackend.put_function_event_invoke_config

    def put_function_event_invoke_config(self: Any, function_name: str, config: dict[str, Any]) -> Any:
        self.get_function(function_name).event_invoke_config.clear()
        return stock(self, function_name, config)

    patch(LambdaBackend, "put_function_event_invoke_config", put_function_event_invoke_config)


def _find_mappings_by_name_and_arn() -> None:
    # Chalice creates mappings by ARN. Lambda also finds them by the function's name; moto does not.
    from moto.awslambda.models import LambdaBackend

    stock = LambdaBackend.list_event_source_mappings

    def list_event_source_mappings(self: Any, event_source_arn: str, function_name: str) -> Any:
        wanted = function_name and function_name.rpartition(":function:")[2]
        return [
            each
            for each in stock(self, event_source_arn, "")
            if not wanted or each.function_arn.rpartition(":function:")[2] == wanted
        ]

    patch(LambdaBackend, "list_event_source_mappings", list_event_source_mappings)


def _find_layers_by_arn() -> None:
    # Chalice looks for its layer with this call, which moto lacks.
    from moto.awslambda.exceptions import UnknownLayerVersionException
    from moto.awslambda.responses import LambdaResponse

    def get_layer_version_by_arn(self: Any) -> str:
        arn = self.querystring["Arn"][0]
        found = self.backend.layers_versions_by_arn(arn)
        if found is None:
            raise UnknownLayerVersionException([arn])
        return json.dumps(found.get_layer_version())

    patch(LambdaResponse, "get_layer_version_by_arn", get_layer_version_by_arn)


def _number_versions_on() -> None:
    # moto numbers a new version by the count, which may repeat a number after a deletion.
    from moto.awslambda.models import LambdaStorage

    stock = LambdaStorage.publish_version

    def publish_version(self: Any, name_or_arn: str, description: str = "") -> Any:
        name = self.get_function_by_name_or_arn_forbid_qualifier(name_or_arn).function_name
        group = self._functions[name]
        current = list(group["versions"])
        version: Any = stock(self, name_or_arn, description)
        if version not in current:
            group["numbered"] = group.get("numbered", 0) + 1
            version.set_version(group["numbered"])
        self._arns.update({each.function_arn: each for each in group["versions"]})
        return version

    patch(LambdaStorage, "publish_version", publish_version)


def _hold_lambdas_limits() -> None:
    # The limit for all variables together ("Lambda quotas"), which moto lacks.
    from moto.awslambda.exceptions import InvalidParameterValueException
    from moto.awslambda.models import LambdaBackend, LambdaFunction

    create, update = LambdaBackend.create_function, LambdaFunction.update_configuration

    def check(spec: dict[str, Any]) -> None:
        variables = spec.get("Environment", {}).get("Variables", {})
        if len(json.dumps(variables)) > LARGEST_ENVIRONMENT:
            raise InvalidParameterValueException(
                "Lambda was unable to configure your environment variables because the environment variables you have "
                f"provided exceeded the {LARGEST_ENVIRONMENT} bytes limit."
            )

    def create_function(self: Any, spec: dict[str, Any]) -> Any:
        check(spec)
        return create(self, spec)

    def update_configuration(self: Any, config_updates: dict[str, Any]) -> Any:
        check(config_updates)
        return update(self, config_updates)

    patch(LambdaBackend, "create_function", create_function)
    patch(LambdaFunction, "update_configuration", update_configuration)


def _know_awss_own_keys() -> None:
    # moto creates the keys of services when needed, and treats them as customer keys.
    from moto.kms.models import Key

    stock = Key.to_dict

    def to_dict(self: Any) -> dict[str, Any]:
        response: dict[str, Any] = stock(self)
        if self.description.startswith("Default master key that protects my "):
            response["KeyMetadata"]["KeyManager"] = "AWS"
        return response

    patch(Key, "to_dict", to_dict)


def _keep_what_a_user_pool_is_made_with() -> None:
    # UpdateUserPool keeps these, because it cannot change them; moto removes them.
    from moto.cognitoidp.models import CognitoIdpUserPool

    stock = CognitoIdpUserPool.update_extended_config
    for_ever = ("UsernameAttributes", "AliasAttributes", "UsernameConfiguration", "Schema")

    def update_extended_config(self: Any, extended_config: dict[str, Any]) -> None:
        current = getattr(self, "extended_config", {})
        kept = {name: current[name] for name in for_ever if name in current}
        stock(self, {**kept, **(extended_config or {})})

    patch(CognitoIdpUserPool, "update_extended_config", update_extended_config)


def _let_states_last() -> None:
    # Here an execution may wait for a whole deploy, which can take longer than its state's timeout.
    from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import TimeoutSeconds

    stock = TimeoutSeconds._eval_seconds

    def eval_seconds(self: Any, env: Any) -> int:
        return max(600, stock(self, env))

    patch(TimeoutSeconds, "_eval_seconds", eval_seconds)
