"""The command line: parse, call one public function, print.

Exit codes: 0; 2 for bad input, with one clear sentence on standard error; 1 for a failure of our own; 130 after an
interruption.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit."""
    from theradose.cli.app import app
    from theradose.cli.output import INTERRUPTED_EXIT, EndedEarly, print_message, report_error
    from theradose.errors import TheradoseError

    try:
        app(prog_name="theradose")
    except TheradoseError as error:
        report_error(error)
        sys.exit(2)
    except EndedEarly as ended:
        print_message(str(ended))
        sys.exit(ended.code)
    except (KeyboardInterrupt, SystemExit) as ended:
        # Typer turns an interruption into this exit code and says nothing.
        if isinstance(ended, SystemExit) and ended.code != INTERRUPTED_EXIT:
            raise
        print("Interrupted: finished steps are kept and the same command resumes.", file=sys.stderr)
        sys.exit(INTERRUPTED_EXIT)
    except OSError as error:
        # Disk full, no permission, a file that vanished: the cause is outside this program.
        place = f" ('{error.filename}')" if error.filename else ""
        print(f"theradose: {error.strerror or error}{place}: nothing half-written was left behind.", file=sys.stderr)
        sys.exit(1)
