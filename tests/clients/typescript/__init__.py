"""The TypeScript client: its own tests, its types against the API's description, and its example in a browser."""
