"""infra's CloudFormation template applied to the embedded AWS."""
