"""The code of other versions: the last release's, from Git, and a next one's, which has one more migration."""

import re
import shutil
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Final

import pytest

from aijobs.persistence.database import LATEST_REVISION
from tests.stories.upgrades.last_release import LAST_RELEASE

ROOT: Final = Path(__file__).parents[3]

#: What runs in API and workers. The load, the vendor and the checker are always this version's.
PRODUCT: Final = ("activities", "aijobs", "api", "cli", "clients", "dashboard", "workflows")
NEXT_REVISION: Final = f"{int(LATEST_REVISION) + 1:04}"

#: A column that the code before does not know, with a default of the server, and a table.
NEXT_MIGRATION: Final = f'''"""what the next version adds"""

import sqlalchemy as sa
from alembic import op

revision = "{NEXT_REVISION}"
down_revision = "{LATEST_REVISION}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job", sa.Column("of_the_next", sa.Integer(), server_default=sa.text("7"), nullable=False))
    op.create_table("next_table", sa.Column("id", sa.Integer(), primary_key=True))


def downgrade() -> None:
    op.drop_table("next_table")
    op.drop_column("job", "of_the_next")
'''


def last_release(folder: Path) -> Path:
    """Its code. Skips the test where the clone's history does not reach so far back."""
    command = ["git", "-C", str(ROOT), "archive", LAST_RELEASE, *PRODUCT, "worker.py"]
    archived = subprocess.run(command, capture_output=True, check=False)
    if archived.returncode:
        pytest.skip(f"The history lacks {LAST_RELEASE}, the last release (`git fetch --unshallow` gets it).")
    with tarfile.open(fileobj=BytesIO(archived.stdout)) as tar:
        tar.extractall(folder, filter="data")
    return folder


def next_version(folder: Path) -> Path:
    """This version's code, with another migration and its number."""
    for name in PRODUCT:
        shutil.copytree(
            ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules", "*.egg-info")
        )
    shutil.copyfile(ROOT / "worker.py", folder / "worker.py")
    persistence = folder / "aijobs" / "persistence"
    (persistence / "migrations" / "versions" / f"{NEXT_REVISION}_next.py").write_text(NEXT_MIGRATION)
    schema = persistence / "database" / "schema.py"
    before = schema.read_text()
    after = re.sub(r'(LATEST_REVISION: Final = ")\d{4}', rf"\g<1>{NEXT_REVISION}", before)
    assert before != after
    schema.write_text(after)
    return folder


def running_from(tree: Path) -> dict[str, str]:
    """The environment of a process that runs the code of a tree. What is not in it (the vendor) is this version's."""
    path = [tree, tree / "clients" / "python", ROOT]
    return {"PYTHONPATH": ":".join(map(str, path)), "PYTHONSAFEPATH": "1"}
