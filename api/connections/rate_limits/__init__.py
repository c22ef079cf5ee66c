"""How many requests a key, a user and an address may send."""
