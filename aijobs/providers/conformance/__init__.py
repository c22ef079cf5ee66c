"""The contract of providers as a suite of checks, for any provider that has a specimen: ours, a file's, anybody's.

Each check plays the vendor on a socket, from the answers of the specimen, and lets one thing go wrong. `aijobs provider
check` runs them; so does pytest, with `--aijobs-provider` and the tests in `suite.py`.
"""
