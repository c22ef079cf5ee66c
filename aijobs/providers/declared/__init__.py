"""Providers that are a file of TOML: any HTTP API to which a job is submitted, and which is polled until its end.

The file says what a vendor's requests and answers look like; what is done with them, and every promise, is code that
all of them share. It holds no code, and its templates see the job alone: no setting, no file, no environment.
"""

from aijobs.providers.declared.key_table import key_table
from aijobs.providers.declared.package import declared_package
from aijobs.providers.declared.reading import DeclarationError, read_declaration

__all__ = ["DeclarationError", "declared_package", "key_table", "read_declaration"]
