"""Where Temporal is."""

from typing import Any

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig


async def connect() -> Client:
    """Temporal, where its own environment (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TLS, …) says that it is."""
    return await Client.connect(**_connection(), data_converter=pydantic_data_converter)


def _connection() -> dict[str, Any]:
    return {"target_host": "127.0.0.1:7233", **ClientConfig.load_client_connect_config()}
