"""Reads files that its parent names, one a line on stdin, and says in a line each what came of it. Not a test.

Limits of memory are its own, those of time its parent's. What no reader has to do (start programs, load pickles, connect,
write files) ends the process at once, by an audit hook.
"""

import json
import os
import resource
import sys
import traceback

answers = os.fdopen(int(sys.argv[1]), "w", buffering=1)
MEMORY = int(sys.argv[2])

import pandas as pd  # noqa: E402

from jaxlaws.errors import TableError  # noqa: E402
from jaxlaws.runs import read  # noqa: E402
from jaxlaws.runs.readers import load, stream  # noqa: E402

FORBIDDEN = (
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "subprocess.Popen",
    "pickle.find_class",
    "socket.connect",
)


def forbid(event, arguments):
    writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if event in FORBIDDEN or (writes and "__pycache__" not in str(arguments[0]) and str(arguments[0]) != "/dev/null"):
        answers.write(json.dumps({"kind": "forbidden", "text": f"{event} {arguments}"[:500]}) + "\n")
        os._exit(3)


def outcome(path):
    try:
        loaded = load(path)
        frame = loaded.frame
        told = {
            "kind": "table",
            "rows": len(frame),
            "cells": int(frame.notna().sum().sum()),
            "hash": int(pd.util.hash_pandas_object(frame.map(repr), index=False).sum()),
            "said": [finding.message for finding in loaded.part.findings],
        }
        told["streamed"] = sum(len(part.frame) for part in stream(path))
    except TableError as error:
        return {"kind": "sentence", "text": str(error)}
    except BaseException:
        return {"kind": "error", "text": traceback.format_exc()}
    try:
        read(path)
    except TableError as error:
        told["door"] = str(error)
    except BaseException:
        return {"kind": "error", "text": traceback.format_exc()}
    return told


warm = outcome(sys.argv[3])  # what is imported when first used is imported before the limits
resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
sys.addaudithook(forbid)
answers.write(json.dumps(warm) + "\n")
for line in sys.stdin:
    answers.write(json.dumps(outcome(line.rstrip("\n"))) + "\n")
