"""The convolutional encoder of clips, and what all networks for speech share of weights and heads."""

import torch
from torch import nn
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import SequenceClassifierOutput

from ...configuration.speech.encoder import ClipEncoderConfig
from ..shared.answering import answers_in_full
from ..shared.classification import classify
from ..shared.images.conv_encoder import ResidualBlock, activation, conv_norm
from ..shared.loading import CompleteLoading
from .views import sounding
from .windows import check_frames, over_windows


class ClipEncoder(nn.Module):
    """(B, T, M) frames -> (B, 2C): stages of convolutions, then mean and largest value of each of C channels."""

    def __init__(self, config: ClipEncoderConfig):
        super().__init__()
        sizes = [1, *config.hidden_sizes]
        kernels = [config.stem_kernel_size, *(3 for _ in config.strides[1:])]
        self.stages = nn.Sequential(
            *[
                nn.Sequential(
                    *conv_norm(config, sizes[k], sizes[k + 1], stride, kernels[k]),
                    activation(config),
                    *[ResidualBlock(config, sizes[k + 1]) for _ in range(config.depths[k])],
                )
                for k, stride in enumerate(config.strides)
            ]
        )

        self.masked = config.silence == "masked"

    def maps(self, frames: torch.Tensor) -> torch.Tensor:
        """(B, T, M) -> (B, C, t, m)."""
        x = frames[:, None]
        for stage in self.stages:
            x = stage(x.contiguous(memory_format=torch.channels_last))
        return x

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """(B, T, M) -> (B, 2C)."""
        if self.masked:
            return self.of_the_clip_alone(frames)
        maps = self.maps(frames)
        return torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], 1)

    def of_the_clip_alone(self, frames: torch.Tensor) -> torch.Tensor:
        """(B, T, M) -> (B, 2C): silence before and after each clip is set to 0 before every convolution, for norms and
        biases make something of it again, and is left out of mean and largest value."""
        first, count = sounding(frames + 1)
        place = torch.arange(frames.shape[1], device=frames.device)
        mask = (place >= first[:, None]) & (place < (first + count)[:, None])  # (B, T)
        x, mask = frames[:, None], mask[:, None, :, None]
        for stage in self.stages:
            x, mask = _through(stage, x, mask)
        mean = (x * mask).sum((2, 3)) / (mask.sum((2, 3)) * x.shape[3])
        return torch.cat([mean, x.masked_fill(~mask, float("-inf")).amax((2, 3))], 1)


def _through(layers: nn.Sequential, x: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(B, C, t, m) maps and (B, 1, t, 1) mask -> both behind `layers`."""
    for layer in layers:
        if isinstance(layer, ResidualBlock):
            x = layer.activation(x + _through(layer.layers, x, mask)[0])
        elif isinstance(layer, nn.Conv2d):
            x = layer((x * mask).contiguous(memory_format=torch.channels_last))
            if layer.stride[0] > 1:  # what the convolution sees any of; a clip of one frame does not get lost
                mask = F.max_pool2d(mask.float(), (layer.stride[0], 1), ceil_mode=True) > 0
        else:
            x = layer(x)
    return x, mask


class StandardisedLinear(nn.Linear):
    """A linear layer on embeddings (B, D) whose units have mean 0 and spread 1 over the batch, or, in eval mode, over
    what was learnt from."""

    def __init__(self, in_features: int, out_features: int):
        super().__init__(in_features, out_features)
        self.norm = nn.BatchNorm1d(in_features, affine=False)

    def reset_parameters(self) -> None:
        """Small weights, so that the first steps are not about undoing them."""
        init.normal_(self.weight, std=0.1 * self.in_features**-0.5)
        init.zeros_(self.bias)

    def forward(self, embeddings: torch.Tensor) -> torch.Tensor:
        """(B, D) -> (B, L)."""
        alone = self.training and embeddings.shape[0] == 1  # one sample has no spread
        return super().forward(embeddings if alone else self.norm(embeddings))


class SpeechPreTrainedModel(CompleteLoading, PreTrainedModel):
    """Weights and loading rules of all networks for speech."""

    main_input_name = "input_features"
    hub_tasks = {"encoder": "feature-extraction", "classifier": "audio-classification"}

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Conv2d):
            init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                init.zeros_(module.bias)
        elif hasattr(module, "reset_parameters"):
            module.reset_parameters()


class OnClips:
    """`encode` of clips of any length, for a model that has `config` and `embed` (windows to embeddings)."""

    def encode(
        self, input_features: torch.FloatTensor, attention_mask: torch.Tensor | None = None
    ) -> torch.FloatTensor:
        """(B, T, M) frames in [-1, 1] -> (B, D) embedding; of a clip longer than a window the mean over windows.

        Args:
            input_features: of the model's feature extractor.
            attention_mask: (B, T), 0 for frames behind a clip's end.

        Raises:
            ValueError: frames of another shape, or of integers.
        """
        check_frames(input_features, self.config, self.training)
        return over_windows(self.embed, input_features, attention_mask, self.config.num_frames)


class ClassifiesClips:
    """`forward` of a classifier of clips, for a model that has `base_model` and `classifier`."""

    _may_be_new = ("classifier.",)

    @answers_in_full
    def forward(
        self,
        input_features: torch.FloatTensor,
        attention_mask: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
    ) -> SequenceClassifierOutput:
        """(B, T, M) frames in [-1, 1] -> `logits` (B, L) and, with labels, `loss`; see `classify`."""
        inputs = (input_features, attention_mask)
        return SequenceClassifierOutput(**classify(self.base_model, self.classifier, inputs, labels))
