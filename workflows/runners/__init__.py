"""How workflows are run: in the sandbox, and by the version of their worker."""
