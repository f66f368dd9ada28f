"""`pretune` in a process that stays, as a function: what a test of the Hub calls in place of dozens of cold starts."""

import json
import subprocess
import sys
from pathlib import Path

# A client process that stays: reads a JSON list of words a line, runs `pretune WORDS`, answers {"status", "said"}.
CLIENT = """
import contextlib, io, json, sys
from pretune.cli import main
import pretune.training.push, pretune.training.pretrain
for line in sys.stdin:
    said, status = io.StringIO(), 0
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            main(json.loads(line))
    except SystemExit as stop:
        status = stop.code or 0
    print("ANSWER" + json.dumps({"status": status, "said": said.getvalue()}), flush=True)
"""


class Client:
    """`pretune` as a function: `client("push", folder, ...)` gives (status, what it said)."""

    def __init__(self, env: dict[str, str], cwd: Path | None = None):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen([sys.executable, "-c", CLIENT], text=True, env=env, cwd=cwd, **pipes)

    def __call__(self, *words: object) -> tuple[int, str]:
        self.process.stdin.write(json.dumps([str(word) for word in words]) + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("ANSWER"):
                answer = json.loads(line.removeprefix("ANSWER"))
                return answer["status"], answer["said"]
        raise AssertionError("the client process ended")

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=60)
