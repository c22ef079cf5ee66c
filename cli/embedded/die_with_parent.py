"""Run a command that does not outlive the process that started it: `python die_with_parent.py PARENT COMMAND …`.

Linux kills it when the parent dies for any reason: nothing else would stop it, and the next start would find it still
running. On other systems the command simply runs.
"""

import ctypes
import os
import signal
import sys
from typing import Final

PR_SET_PDEATHSIG: Final = 1  #: linux/prctl.h; kept across exec


def main() -> None:
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(parent):
            sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
