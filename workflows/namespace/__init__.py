"""The namespace of Temporal that workflows run in: whose it is, and whether it can run them."""
