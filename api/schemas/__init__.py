"""The JSON documents of the API, and how rows become them."""
