"""The reference of the API, made of its OpenAPI description."""
