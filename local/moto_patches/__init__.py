"""Where moto differs from AWS in a way that Darkroom would notice: small patches, one module a service."""

import functools

from local.moto_patches.awslambda import patch_lambda
from local.moto_patches.cognito import patch_cognito
from local.moto_patches.dynamodb import patch_dynamodb
from local.moto_patches.marks import mark_changes
from local.moto_patches.memory import forget_deleted_things, return_large_buffers
from local.moto_patches.request_lookup import patch_request_lookup
from local.moto_patches.s3 import patch_s3
from local.moto_patches.sns import patch_sns
from local.moto_patches.sqs import patch_sqs
from local.moto_patches.stepfunctions import patch_step_functions
from local.patching import share_parsed_models


@functools.cache
def apply_moto_patches() -> None:
    """Apply all patches, once a process."""
    share_parsed_models()
    forget_deleted_things()
    return_large_buffers()
    # Before any other import of moto's Step Functions.
    patch_step_functions()
    patch_request_lookup()
    patch_lambda()
    patch_sqs()
    patch_s3()
    patch_sns()
    patch_cognito()
    patch_dynamodb()
    mark_changes()
