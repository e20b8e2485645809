"""moto's topics invoke functions with events in SNS's shape."""

import functools
from typing import Any

from local.moto_patches import awslambda
from local.patching import patch


def patch_sns() -> None:
    """Replace the delivery to Lambda subscriptions."""
    from moto.core.utils import iso_8601_datetime_with_milliseconds
    from moto.sns.models import Subscription

    original = Subscription.publish

    @functools.wraps(original)
    def publish(self: Any, message: str, message_id: str, **details: Any) -> None:
        if self.protocol != "lambda":
            original(self, message, message_id, **details)
            return
        attributes = details.get("message_attributes") or {}
        matcher = self._filter_policy_matcher
        if matcher is not None and not matcher.matches(attributes, message):
            return
        if details.get("message_structure") == "json":
            message = self._parse_message_structure(message, self.protocol)
        notification = {
            "Type": "Notification",
            "MessageId": message_id,
            "TopicArn": self.topic_arn,
            "Subject": details.get("subject"),
            "Message": message,
            "Timestamp": iso_8601_datetime_with_milliseconds(),
            "SignatureVersion": "1",
            "Signature": "local",
            "SigningCertUrl": "https://sns.us-east-1.amazonaws.com/local.pem",
            "UnsubscribeUrl": "https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe",
            "MessageAttributes": {
                name: {"Type": value["Type"], "Value": value["Value"]} for name, value in attributes.items()
            },
        }
        record = {"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": self.arn}
        awslambda.submit(self.endpoint, {"Records": [record | {"Sns": notification}]})

    patch(Subscription, "publish", publish)
