"""A changed constant is a new protocol."""

import hashlib
import json

from pretune.training.data import holding_out
from pretune.training.evaluation.evidence.verdict import RULE, RULE_VERSION
from pretune.training.protocol import MUST_BE_BEATEN, PROTOCOL, default_first

# version -> hash of the constants it stands for. Never edit a line: a change of protocol.py adds one.
VERSIONS = {1: "8e2656883a5d195f"}
# version of what is held out where there is no test split -> share. 1 was a stratified fifth of the rows.
HELD_OUT = {2: 0.2, 3: 0.2, 4: 0.2, 5: 0.2}
OLD_TEST_SPLIT = "the test split, else validation, else a fixed stratified fifth of the training split"
OLD_SCHEDULE = "linear to 0 without warm-up; no weight decay; no augmentation"
RULES = {
    2: "7a086c23fd6339b9",
    3: "5beec12b01f52292",
    4: "3b7fec8f947bd043",
    5: "dc225d7a6f0b0150",
    6: "4a963b6c6a0a0186",
    7: "ead6e7d26a70e52b",
}  # the same of the verdict's rule, which has a version of its own


def test_changed_constants_change_the_version():
    record = PROTOCOL.record()
    record["reference_images"] = record.pop("reference_samples")  # what it was called when images were all there was
    del record["self_training_rounds"]  # of a method that came later: no older number depends on it
    del record["calibration_bins"]  # of a score that came later
    record["schedule"] = OLD_SCHEDULE  # sound, of which there were no numbers, has augmentation; nothing else changed
    record["test_split"] = OLD_TEST_SPLIT  # the held-out part has a version of its own since its second
    constants = json.dumps(record, sort_keys=True).encode()
    assert hashlib.sha256(constants).hexdigest()[:16] == VERSIONS[PROTOCOL.version]
    assert HELD_OUT[holding_out.VERSION] == holding_out.SHARE
    assert hashlib.sha256(json.dumps([RULE, MUST_BE_BEATEN]).encode()).hexdigest()[:16] == RULES[RULE_VERSION]


def test_the_default_of_a_grid_is_its_middle_and_comes_first():
    assert default_first((1.0, 2.0, 3.0)) == [2.0, 1.0, 3.0]
