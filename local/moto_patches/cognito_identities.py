"""Pools and clients of moto's Cognito that are made anew in each run keep their ids: stored tokens name them."""

from typing import Any

from local.patching import patch

# By the names of a pool and of its client (None: the pool itself), the id and the secret.
IDENTITIES: dict[tuple[str, str | None], tuple[str, str | None]] = {}


def keep_identities() -> None:
    """Make each pool and client with its kept id, if it has one."""
    from moto.cognitoidp.models import CognitoIdpBackend

    create_pool, create_client = CognitoIdpBackend.create_user_pool, CognitoIdpBackend.create_user_pool_client

    def create_user_pool(self: Any, name: str, extended_config: dict[str, Any]) -> Any:
        pool: Any = create_pool(self, name, extended_config)
        if (kept := IDENTITIES.get((name, None))) is not None:
            self.user_pools[kept[0]] = self.user_pools.pop(pool.id)
            pool.arn = pool.arn.replace(pool.id, kept[0])
            pool.id = kept[0]
        return pool

    def create_user_pool_client(self: Any, user_pool_id: str, generate_secret: bool, config: dict[str, str]) -> Any:
        client: Any = create_client(self, user_pool_id, generate_secret, config)
        pool = self.user_pools[user_pool_id]
        if (kept := IDENTITIES.get((pool.name, config.get("ClientName")))) is not None:
            del pool.clients[client.id]
            client.id, client.secret = kept
            pool.clients[client.id] = client
        return client

    patch(CognitoIdpBackend, "create_user_pool", create_user_pool)
    patch(CognitoIdpBackend, "create_user_pool_client", create_user_pool_client)
