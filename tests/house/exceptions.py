"""The exceptions to the rules of the house, each with its reason. An entry that is no longer needed fails too."""

from collections.abc import Mapping
from typing import Final

#: Folders that show more than MAX_ENTRIES.
LARGE_FOLDERS: Final[Mapping[str, str]] = {
    "aijobs/persistence": "a folder for each part of the product, and what they share",
    "activities": "one step of a job a file, and what several of them share",
    "aijobs/domain/jobs": "one concept of a job's life a file",
    "aijobs/domain/values": "one kind of value a file",
    "aijobs/persistence/tables": "the tables of one part of the product a file",
    "aijobs/persistence/jobs": "one step or one question of a job a file",
    "aijobs/generators": "one generator a file, and the conversation that they share",
    "aijobs/providers": "one vendor a folder",
    "aijobs/usecases": "one use case a file",
    "api/routes": "one resource a file",
    "aijobs/domain/ports": "one port a file",
    "bench": "one measure a file",
    "cli/commands": "one command a file",
    "sandbox": "the application, what all vendors share, and a folder for each kind of work",
    "dashboard/pages": "one page a file",
    "sandbox/vendors": "one vendor a folder",
    "sandbox/vendors/replicate": "a vendor's whole protocol: a file each for requests, responses, errors, limits, …",
    "tests": "mirrors the tree",
    "tests/adapters/storage": "one contract on two stores, and what only one of them does",
    "tests/api": "mirrors the routes",
    "tests/cli": "mirrors the commands",
    "tests/dashboard": "mirrors the pages",
    "tests/persistence": "mirrors the folders of persistence",
    "tests/domain": "mirrors the tree",
    "tests/persistence/database": "one promise, or one kind of fault, a file",
    "tests/providers": "one contract on all providers, and each vendor's own traps",
    "tests/sandbox": "one file for each thing that a vendor may do wrong",
    "tests/workflows": "one promise of a job's life a file",
    "tests/stories": "one story a file",
}

#: Files that are longer than MAX_LINES.
LONG_FILES: Final[Mapping[str, str]] = {
    "activities/polling.py": "every answer of a provider, and what it means for a job",
    "aijobs/persistence/jobs/submissions.py": "all that is written of a submission, in one place",
    "aijobs/domain/errors.py": "everything that can go wrong, and its tree, in one place",
    "tests/api/test_limits.py": "to be cut by its subjects, with the limits that are still to come",
}

#: Files below SHORT_LINES, or folders of such, that one other file imports.
SHORT_FILES: Final[Mapping[str, str]] = {
    "aijobs/adapters/storage/served_objects.py": "fits a port of its own",
    "aijobs/adapters/documents/texts/office/alternative_chunks.py": "formats within a format, apart from the walk",
    "aijobs/adapters/media/image_check.py": "a task of the picture process, as cleaning and measuring are",
    "aijobs/adapters/media/thumbnail.py": "another",
    "aijobs/adapters/storage/open_store.py": "loads boto3 only where it is needed",
    "aijobs/domain/ports/": "one subject a file; whoever fits a port need not import it",
    "aijobs/persistence/migrations/large_tables.py": "for every migration that adds an index to a large table",
    "aijobs/persistence/tables/added_models.py": "tables of their own part of the product",
    "aijobs/persistence/tables/vendor_credentials.py": "tables of their own part of the product",
    "aijobs/providers/": "what a vendor's package consists of is the same for each",
    "api/routes/": "one resource a file",
    "cli/commands/": "one command a file",
    "dashboard/pages/": "one page a file",
    "workflows/runners/versioned.py": "is imported anew inside the sandbox of workflows, where worker.py must not be",
    "sandbox/vendors/": "a vendor's protocol, in the same files for each",
}

#: Packages that stand alone: a vendor's word, or the API's, may be a class of theirs too.
STANDING_ALONE: Final = ("clients/python/", "sandbox/")

#: Names that say nothing, where they are a term.
VAGUE_NAMES: Final[Mapping[str, str]] = {
    "aijobs/persistence/tables/base.py": "SQLAlchemy's word for what all tables have in common",
    "sandbox/vendors/replicate/service.py": "the service that is simulated",
}

#: Who opens an adapter and is no composition root.
OPENS_ADAPTERS: Final[Mapping[str, str]] = {
    "bench/database.py": "measures the database itself",
    "bench/pictures.py": "measures the picture process itself",
    "bench/rig/transfer.py": "measures the downloader and the store themselves",
}

#: Folders with programs of other images. They import nothing of ours, and nothing of ours imports them.
PROGRAMS_APART: Final = frozenset({"deploy"})
