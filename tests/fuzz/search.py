"""Looks for files that break a parser, guided by what its code does: `python -m tests.fuzz.search SECONDS [PARSER …]`.

atheris (libFuzzer) instruments our own modules; good files are its corpus, to which it adds what goes new ways. It is
kept in `build/fuzz/`, and so is a file that breaks a parser; the exit code is 1 then.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import atheris

FOUND: Final = Path("build") / "fuzz"
MEMORY_MB: Final = 2048
LONGEST_RUN: Final = 20  #: seconds with one file
LARGEST_FILE: Final = 256 * 1024
INSTRUMENTED: Final = ("aijobs.adapters.documents", "aijobs.adapters.media", "aijobs.domain.documents")

ONE: Final = "--one"


def search(name: str, seconds: int) -> None:
    """Does not return: libFuzzer ends the process."""
    with atheris.instrument_imports(include=list(INSTRUMENTED)):
        from tests.fuzz.byte_parsers import PARSERS

    parser, place = PARSERS[name], FOUND / name.replace(" ", "-")
    (place / "corpus").mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(parser.good()):
        (place / "corpus" / f"good-{number}").write_bytes(content)
    options = (
        f"-max_total_time={seconds}",
        f"-max_len={LARGEST_FILE}",
        f"-rss_limit_mb={MEMORY_MB}",
        f"-timeout={LONGEST_RUN}",
        f"-artifact_prefix={place}/",
        "-print_final_stats=1",
    )
    atheris.Setup([sys.argv[0], *options, str(place / "corpus")], parser.parse)
    atheris.Fuzz()


def main(arguments: Sequence[str]) -> int:
    """A process for each parser: libFuzzer has one target."""
    from tests.fuzz.byte_parsers import PARSERS

    seconds, *names = arguments
    broken = [name for name in names or PARSERS if _ended_badly(name, seconds)]
    sys.stdout.write(f"Broken: {', '.join(broken)}; see {FOUND}\n" if broken else "Nothing was found.\n")
    return 1 if broken else 0


def _ended_badly(name: str, seconds: str) -> bool:
    return subprocess.run([sys.executable, "-m", "tests.fuzz.search", ONE, name, seconds], check=False).returncode != 0


if __name__ == "__main__":
    if sys.argv[1] == ONE:
        search(sys.argv[2], int(sys.argv[3]))
    sys.exit(main(sys.argv[1:]))
