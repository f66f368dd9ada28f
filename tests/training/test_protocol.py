"""A changed constant is a new protocol."""

import hashlib
import json

from pretune.training.protocol import PROTOCOL, default_first

# version -> hash of the constants it stands for. Never edit a line: a change of protocol.py adds one.
VERSIONS = {1: "8e2656883a5d195f"}


def test_changed_constants_change_the_version():
    constants = json.dumps(PROTOCOL.record(), sort_keys=True).encode()
    assert hashlib.sha256(constants).hexdigest()[:16] == VERSIONS[PROTOCOL.version]


def test_the_default_of_a_grid_is_its_middle_and_comes_first():
    assert default_first((1.0, 2.0, 3.0)) == [2.0, 1.0, 3.0]
