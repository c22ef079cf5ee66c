"""The JSON API: requests are authenticated and validated here, and rendered as responses and event streams."""
