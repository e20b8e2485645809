"""Everything between a request and its handler: identity, limits, schema, permission, idempotency, the response."""
