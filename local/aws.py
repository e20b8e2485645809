"""The account, region and address of the embedded AWS."""

ACCOUNT = "123456789012"
REGION = "us-east-1"
HOST = "127.0.0.1"
