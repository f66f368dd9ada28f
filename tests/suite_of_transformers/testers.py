"""A tester of transformers' own model tests for each family. pytest is given this file by `test_suite.py` alone, in a
process that has the tests of transformers' source distribution as the package `tests`."""

import unittest
from typing import Any

import torch
from families import ROWS, TINY_CONFIGS, tiny_config, tiny_inputs
from tests.test_configuration_common import ConfigTester
from tests.test_modeling_common import ModelTesterMixin

# (length, width, layers) of hidden states, where they are of tokens
TOKENS = {"pretune_masked_image_model": (65, 8, 2), "pretune_speech_best_rq": (8, 16, 1),
          "pretune_masked_language_model": (12, 8, 1), "pretune_text_autoencoder": (12, 8, 1)}  # fmt: skip
NEEDS_FIELDS = ("pretune_masked_language_model",)  # a config of it without arguments has no token to hide with


class ModelTester:
    """What the mixin asks of a family: its tiny config, and inputs for it."""

    is_training, batch_size, num_attention_heads, image_size = True, 4, 2, 8

    def __init__(self, family: str):
        self.family = family
        self.seq_length, self.hidden_size, self.num_hidden_layers = TOKENS.get(family, (0, 0, 0))

    def get_config(self) -> Any:
        """A fresh one."""
        return tiny_config(self.family)

    def prepare_config_and_inputs_for_common(self) -> tuple[Any, dict[str, torch.Tensor]]:
        """(config, arguments of forward)."""
        return self.get_config(), tiny_inputs(self.family)


class FamilyTest(ModelTesterMixin):
    """Settings of the mixin that are the same in all families."""

    family = ""
    has_attentions = test_resize_embeddings = False  # own tests hold attentions; own texts keep their vocabulary

    def setUp(self) -> None:
        """By the family's name."""
        self.model_tester, row = ModelTester(self.family), ROWS[self.family]
        self.all_model_classes = (row.model, row.classifier)
        own = {name: value for name, value in TINY_CONFIGS[self.family].items() if name != "backbone_config"}
        self.config_tester = ConfigTester(self, row.config, row.modality == "text", [], **own)

    def _prepare_for_class(self, inputs_dict: dict, model_class: type, return_labels: bool = False) -> dict:
        """Labels for classifiers, which the mixin gives by names of transformers' own classes."""
        inputs = super()._prepare_for_class(inputs_dict, model_class)
        if return_labels and model_class is ROWS[self.family].classifier:
            inputs["labels"] = torch.zeros(4, dtype=torch.long)
        return inputs

    def test_config(self) -> None:
        """Saved, loaded, with labels and without arguments."""
        self.config_tester.run_common_tests(can_init_without_params=self.family not in NEEDS_FIELDS)


for name in ROWS:
    globals()[f"Test_{name}"] = type(f"Test_{name}", (FamilyTest, unittest.TestCase), {"family": name})
