"""Import a handler as Lambda does, let it answer events, and print what that cost.

Arguments: the folder of its modules, the folder of its libraries, the module with
``lambda_handler``, a file with a JSON list of events, how many of them warm it up. Prints
``cold_ms``, CPU from the start of the process until the first event is answered; ``warm_ms``,
CPU of one event after the warm-up, ``null`` without any; ``modules``, how many are loaded.
"""

import sys
import time

folder, libraries, module, events_file, warm_up = sys.argv[1:]
sys.path[:0] = dict.fromkeys((folder, libraries))

handle = __import__(module, fromlist=["lambda_handler"]).lambda_handler

import json  # noqa: E402 - it must not be there for the handler already

with open(events_file) as file:  # noqa: PTH123 - pathlib must not be there already, either
    events = json.load(file)


def answer(event: object) -> None:
    """Have one event answered, with 200."""
    response = handle(event, None)
    if response["statusCode"] != 200:  # noqa: PLR2004 - OK
        sys.exit(f"{module} answered {response}")


first, *others = events
answer(first)
cold_ms = time.process_time() * 1000
modules = len(sys.modules)
measured = others[int(warm_up) :]
for event in others[: int(warm_up)]:
    answer(event)
before = time.process_time()
for event in measured:
    answer(event)
used_ms = (time.process_time() - before) * 1000
warm_ms = used_ms / len(measured) if measured else None
print(json.dumps({"cold_ms": cold_ms, "warm_ms": warm_ms, "modules": modules}))  # noqa: T201
