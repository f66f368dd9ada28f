"""The family: one linear layer each way, which learns the principal components (Baldi and Hornik 1989)."""

import torch
from huggingface_hub.dataclasses import strict
from torch import nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from ...configuration.encoder import EncoderConfig
from ...modeling.shared.classification import classifier_config, classify
from ...modeling.shared.inputs import require_decoder
from ...modeling.shared.loading import CompleteLoading
from ...modeling.shared.outputs import PretrainingOutput
from ...modeling.shared.pretrainable import Pretrainable


@strict
class LinearRowsConfig(EncoderConfig):
    """
    Args:
        row_size: numbers in a row.
        latent_size: width of the embedding.
    """

    model_type = "pretune_linear_rows"
    row_size: int = 10
    latent_size: int = 3


class LinearRowsPreTrainedModel(CompleteLoading, PreTrainedModel):
    config: LinearRowsConfig
    base_model_prefix = "linear_rows"
    main_input_name = "numbers"
    _keys_to_ignore_on_load_unexpected = [r"^(linear_rows\.)?decoder\.", r"^classifier\."]

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            module.reset_parameters()


class LinearRowsModel(Pretrainable, LinearRowsPreTrainedModel):
    loss_name, loss_is_error, reconstructs = "squared error a number", True, True

    def __init__(self, config: LinearRowsConfig):
        super().__init__(config)
        self.encoder = nn.Sequential(nn.Linear(config.row_size, config.latent_size))
        self.decoder = nn.Sequential(nn.Linear(config.latent_size, config.row_size)) if config.has_decoder else None
        self.post_init()

    def forward(self, numbers: torch.Tensor, return_loss: bool = True) -> PretrainingOutput:
        latents = self.encode(numbers)  # (B, D)
        if self.decoder is None:
            return PretrainingOutput(latents=latents)
        reconstruction = self.decode(latents)  # (B, row_size)
        squared_error = (reconstruction - numbers).square().sum(1)
        loss = squared_error.mean() / self.config.row_size
        return PretrainingOutput(latents, reconstruction, loss if return_loss else None, squared_error)

    def encode(self, numbers: torch.Tensor) -> torch.Tensor:
        return self.encoder(numbers)

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        require_decoder(self)
        return self.decoder(latents)

    def reconstruct(self, numbers: torch.Tensor) -> torch.Tensor:
        return self.decode(self.encode(numbers))


class LinearRowsForSequenceClassification(LinearRowsPreTrainedModel):
    _may_be_new = ("classifier.",)

    def __init__(self, config: LinearRowsConfig):
        super().__init__(classifier_config(config))
        self.linear_rows = LinearRowsModel(self.config)
        self.classifier = nn.Linear(config.latent_size, config.num_labels)
        self.post_init()

    def forward(self, numbers: torch.Tensor, labels: torch.Tensor | None = None) -> SequenceClassifierOutput:
        return SequenceClassifierOutput(**classify(self.linear_rows, self.classifier, (numbers,), labels))
