"""The launcher: the process behind `letterbox up` that starts the parts, watches over them, and ends with them.

`python -m letterbox.local.launcher HOME PORT`. It says on its standard output how the start went, as one line of JSON.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from pathlib import Path

from letterbox.local.failure import CannotStart
from letterbox.local.home import Home
from letterbox.local.stack import LocalStack


async def launch(home: Home, port: int) -> int:
    """Start everything, say so, and watch until a signal comes. Returns the exit status."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    stack = LocalStack(home, port=port, supervised=True)
    stopped = asyncio.create_task(stop.wait())
    failure = ""
    try:
        starting = asyncio.create_task(stack.start_all())
        await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            return 1
        starting.result()
        say({"ok": True})
        watching = asyncio.create_task(stack.supervise())
        await asyncio.wait({watching, stopped}, return_when=asyncio.FIRST_COMPLETED)
        watching.cancel()
    except (CannotStart, OSError) as error:
        failure = str(error)
    finally:
        await stack.stop_all()
    if failure:
        say({"ok": False, "reason": failure})
    return 1 if failure else 0


def say(outcome: dict[str, object]) -> None:
    """Tell the command that waits; afterwards nobody listens any more."""
    with contextlib.suppress(BrokenPipeError):
        os.write(1, json.dumps(outcome).encode() + b"\n")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


if __name__ == "__main__":
    sys.exit(asyncio.run(launch(Home(Path(sys.argv[1])), int(sys.argv[2]))))
