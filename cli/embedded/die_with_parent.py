"""Run a command that does not outlive the process that started it: `python die_with_parent.py PARENT COMMAND …`.

Linux sends the signal when the parent dies, whatever it died of. Elsewhere the command is run as it is.
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
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != int(parent):
            sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
