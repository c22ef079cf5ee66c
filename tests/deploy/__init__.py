"""How it is delivered."""
