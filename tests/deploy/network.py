"""What moto lacks of networks: zones without a service, Lambda's interfaces, security groups in use."""

from typing import Any

from local.patching import patch

# A zone of us-east-1 without Cognito's endpoint (DescribeVpcEndpointServices).
WITHOUT_COGNITO = "us-east-1e"
_COGNITO = "com.amazonaws.us-east-1.cognito-idp"
# How often Lambda's interfaces are listed after the last function was removed. On AWS: up to 45 minutes.
_SEEN_AFTERWARDS = 2
_NAME = "AWS Lambda VPC ENI"


def install() -> None:
    """Adds this to the embedded EC2 and Lambda."""
    _offer_endpoints_by_zone()
    _tie_functions_by_interfaces()
    _keep_groups_in_use()


def _offer_endpoints_by_zone() -> None:
    from moto.ec2.exceptions import EC2ClientError
    from moto.ec2.models import EC2Backend

    collect, create = EC2Backend._collect_default_endpoint_services, EC2Backend.create_vpc_endpoint

    def collect_services(account_id: str, region: str) -> list[dict[str, Any]]:
        known: list[dict[str, Any]] = collect(account_id, region)
        like = next((each for each in known if each["ServiceName"].endswith(".sqs")), None)
        if like is None or any(each["ServiceName"] == _COGNITO for each in known):
            return known
        zones = [each for each in like["AvailabilityZones"] if each != WITHOUT_COGNITO]
        return [*known, {**like, "ServiceId": "vpce-svc-cognito", "ServiceName": _COGNITO, "AvailabilityZones": zones}]

    def create_vpc_endpoint(self: Any, vpc_id: str, service_name: str, *args: Any, **kwargs: Any) -> Any:
        services = self._collect_default_endpoint_services(self.account_id, self.region_name)
        offers = {each["ServiceName"]: each["AvailabilityZones"] for each in services}
        for subnet in kwargs.get("subnet_ids") or ():
            zone = self.get_subnet(subnet).availability_zone
            if zone not in offers.get(service_name, [zone]):
                message = f"The VPC endpoint service {service_name} does not support the availability zone of {subnet}."
                raise EC2ClientError("InvalidParameter", message)
        return create(self, vpc_id, service_name, *args, **kwargs)

    patch(EC2Backend, "_collect_default_endpoint_services", staticmethod(collect_services))
    patch(EC2Backend, "create_vpc_endpoint", create_vpc_endpoint)


def _tie_functions_by_interfaces() -> None:
    from moto.awslambda.models import LambdaBackend
    from moto.ec2.models import EC2Backend, ec2_backends

    create, delete = LambdaBackend.create_function, LambdaBackend.delete_function
    look = EC2Backend.get_all_network_interfaces

    def create_function(self: Any, spec: dict[str, Any]) -> Any:
        function = create(self, spec)
        network = spec.get("VpcConfig") or {}
        ec2 = ec2_backends[self.account_id][self.region_name]
        held = _held(ec2)
        for subnet in network.get("SubnetIds", ()):
            if (subnet, *network["SecurityGroupIds"]) not in held:
                groups = network["SecurityGroupIds"]
                made = ec2.create_network_interface(ec2.get_subnet(subnet), "", group_ids=groups, description=_NAME)
                held[subnet, *groups] = [made.id, _SEEN_AFTERWARDS]
        return function

    def delete_function(self: Any, function_name: str, qualifier: str | None = None) -> None:
        delete(self, function_name, qualifier)
        if not any(each.vpc_config.get("SubnetIds") for each in self.list_functions() if each.vpc_config):
            _held(ec2_backends[self.account_id][self.region_name])["left"] = []

    def get_all_network_interfaces(self: Any, *args: Any, **kwargs: Any) -> Any:
        found = look(self, *args, **kwargs)
        held = _held(self)
        if "left" in held:
            for key, value in [(key, value) for key, value in held.items() if key != "left"]:
                value[1] -= 1
                if value[1] <= 0:
                    del self.enis[value[0]], held[key]
        return found

    patch(LambdaBackend, "create_function", create_function)
    patch(LambdaBackend, "delete_function", delete_function)
    patch(EC2Backend, "get_all_network_interfaces", get_all_network_interfaces)


def _held(ec2: Any) -> dict[Any, list[Any]]:
    """Lambda's interfaces by subnet and groups, and how often each is still listed after its functions are removed."""
    found: dict[Any, list[Any]] = ec2.__dict__.setdefault("of_lambda", {})
    return found


def _keep_groups_in_use() -> None:
    from moto.ec2.exceptions import DependencyViolationError
    from moto.ec2.models import EC2Backend

    stock = EC2Backend.delete_security_group

    def delete_security_group(self: Any, name: str | None = None, group_id: str | None = None) -> None:
        if any(group.id == group_id for each in self.enis.values() for group in each.group_set):
            raise DependencyViolationError(f"resource {group_id} has a dependent object")
        stock(self, name, group_id)

    patch(EC2Backend, "delete_security_group", delete_security_group)
