"""The BiGAN: an encoder learnt beside a generator, by one discriminator of both, and the classifier it becomes."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm
from transformers import PreTrainedModel
from transformers import initialization as init

from ..configuration.bigan import BiGANConfig
from .shared.answering import answers_in_full
from .shared.chance import Chance, Fixed, normal, uniform
from .shared.classification import ClassifiesImages, classifier_config
from .shared.evaluating import wants_loss
from .shared.images.adversarial import frozen, play, relative_spread
from .shared.images.corruption import corrupt
from .shared.inputs import check_pixel_values, require_decoder
from .shared.layers import MapNorm, RowNorm
from .shared.loading import CompleteLoading
from .shared.outputs import PretrainingOutput
from .shared.pretrainable import Pretrainable

WON, ALIKE = 0.1, 0.1  # discriminator's loss and diversity of the generated images, below which the game is lost


@dataclass
class BiGANOutput(PretrainingOutput):
    """
    Args:
        latents, reconstruction, squared_error: as in `PretrainingOutput`. No gradient flows from the last two:
            a BiGAN never compares an image with its reconstruction, which only shows how well the two maps fit.
        loss: `discriminator_loss + generator_loss + penalty`, a scalar that need not fall; in balance 4 log 2.
        penalty: scalar, R1 with its weight; 0 without it, in eval mode and where no gradient is recorded.
        discriminator_loss: scalar, of telling pairs (image, its code) from (generated image, drawn code); 2 log 2
            if it cannot, near 0 if it wins.
        generator_loss: scalar, of encoder and generator: the same task with the answers swapped.
        diversity: scalar, spread of the generated images over that of the real ones; near 0 if all look the same.
    """

    discriminator_loss: torch.FloatTensor | None = None
    generator_loss: torch.FloatTensor | None = None
    diversity: torch.FloatTensor | None = None


class CodeNorm(RowNorm):
    """(B, D) codes -> the same with the prior's mean and variance in each unit."""

    def __init__(self, config: BiGANConfig):
        super().__init__(config.latent_size, affine=False)
        self.spread = 1.0 if config.prior == "normal" else 3**-0.5  # of what is uniform on (-1, 1)

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        """(B, D) -> (B, D)."""
        return self.spread * super().forward(codes)


def to_code(config: BiGANConfig, width: int) -> list[nn.Module]:
    """The last layers of an encoder, from (B, width) to the (B, D) code."""
    return [nn.Linear(width, config.latent_size), *([CodeNorm(config)] if config.code_norm else [])]


def dense_encoder(config: BiGANConfig) -> nn.Sequential:
    """(B, C, H, W) -> (B, D) by dense layers with batch norm between them."""
    layers, width = [nn.Flatten()], config.num_pixels
    for size in config.hidden_sizes:
        layers += [nn.Linear(width, size, bias=False), RowNorm(size), nn.LeakyReLU(0.2)]
        width = size
    return nn.Sequential(*layers, *to_code(config, width))


def dense_generator(config: BiGANConfig) -> nn.Sequential:
    """(B, D) -> (B, C, H, W), the mirror image of `dense_encoder`."""
    layers, width = [], config.latent_size
    for size in config.hidden_sizes[::-1]:
        layers += [nn.Linear(width, size, bias=False), RowNorm(size), nn.ReLU()]
        width = size
    shape = (config.num_channels, config.image_size, config.image_size)
    return nn.Sequential(*layers, nn.Linear(width, config.num_pixels), nn.Unflatten(1, shape), nn.Sigmoid())


def conv_encoder(config: BiGANConfig) -> nn.Sequential:
    """(B, C, H, W) -> (B, D) by strided convolutions with batch norm between them."""
    layers, width = [], config.num_channels
    for size in config.hidden_sizes:
        conv = nn.Conv2d(width, size, 3, stride=2, padding=1, bias=False)  # (B, size, h, w), halves rounded up
        layers += [conv, MapNorm(size), nn.LeakyReLU(0.2)]
        width = size
    return nn.Sequential(*layers, nn.Flatten(), *to_code(config, width * config.map_sizes[-1] ** 2))


def conv_generator(config: BiGANConfig) -> nn.Sequential:
    """(B, D) -> (B, C, H, W), the mirror image of `conv_encoder`."""
    widths, sides = config.hidden_sizes[::-1], config.map_sizes[::-1]
    to_map = nn.Linear(config.latent_size, widths[0] * sides[0] ** 2, bias=False)
    layers = [to_map, nn.Unflatten(1, (widths[0], sides[0], sides[0]))]
    for width, size, side in zip(widths, [*widths[1:], config.num_channels], sides[1:], strict=True):
        conv = nn.ConvTranspose2d(width, size, 4, stride=2, padding=1, bias=side == sides[-1])  # doubles the map
        layers += [MapNorm(width), nn.ReLU(), conv, *([nn.ZeroPad2d((0, -1, 0, -1))] if side % 2 else [])]
    return nn.Sequential(*layers, nn.Sigmoid())


class Discriminator(nn.Module):
    """Pairs of (B, C, H, W) image and (B, D) code -> (B,) logits, positive for an image with the code given to it."""

    def __init__(self, config: BiGANConfig):
        super().__init__()
        norm = spectral_norm if config.spectral_norm else nn.Identity()
        layers, width, side = [], config.num_channels, config.image_size
        if config.architecture == "conv":
            for size in config.hidden_sizes:
                layers += [norm(nn.Conv2d(width, size, 3, stride=2, padding=1)), nn.LeakyReLU(0.2)]
                width = size
            side = config.map_sizes[-1]
        self.image_layers = nn.Sequential(*layers, nn.Flatten())  # (B, width * side * side)
        layers, width = [], width * side**2 + config.latent_size
        for size in config.discriminator_sizes:
            layers += [norm(nn.Linear(width, size)), nn.LeakyReLU(0.2)]
            width = size
        self.pair_layers = nn.Sequential(*layers, norm(nn.Linear(width, 1)))

    def forward(self, images: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) images and (B, D) codes -> (B,) logits."""
        return self.pair_layers(torch.cat([self.image_layers(images), codes], 1)).squeeze(1)


class BiGANPreTrainedModel(CompleteLoading, PreTrainedModel):
    """Weights, names and loading rules that the two models below share."""

    config: BiGANConfig
    base_model_prefix = "bigan"
    main_input_name = "pixel_values"
    # A bare encoder does without the checkpoint's generator and discriminator, a BiGAN without a classifier's head.
    _keys_to_ignore_on_load_unexpected = [r"^(bigan\.)?(decoder|discriminator)\.", r"^classifier\."]

    def _init_weights(self, module: nn.Module) -> None:
        if parametrize.is_parametrized(module):
            return  # spectral norm divides any scale out; torch's own start, and the singular vectors that fit it
        if isinstance(module, nn.Linear):
            module.reset_parameters()
        elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            init.normal_(module.weight, std=0.02)  # as DCGAN (Radford et al. 2016)
            if module.bias is not None:
                init.zeros_(module.bias)
        elif isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            if module.affine:
                init.ones_(module.weight)
                init.zeros_(module.bias)
            init.zeros_(module.running_mean)
            init.ones_(module.running_var)
            init.zeros_(module.num_batches_tracked)


class BiGANModel(Pretrainable, BiGANPreTrainedModel):
    """BiGAN (Donahue et al. 2017, Adversarial Feature Learning), the same as ALI (Dumoulin et al. 2017,
    Adversarially Learned Inference).

    A discriminator tells pairs (image, its code) from pairs (generated image, the code drawn for it); encoder and
    generator make them alike, which they are only if each is the other's inverse. `decoder` is the generator. With
    `config.corruption` the encoder sees a changed image and the discriminator the clean one beside that code, so that
    what was changed tells the code nothing (the criterion of Vincent et al. 2008, here without a pixel error).

    Shapes: B images, C channels, H x W pixels, D = `latent_size`. `pixel_values` are float in [0, 1].
    """

    loss_name = "loss of the game of discriminator, encoder and generator"
    logged_outputs = ("squared_error", "discriminator_loss", "generator_loss", "diversity")
    reconstructs = True
    generates = True
    pretraining_parts = ("decoder", "discriminator")
    keeps = "The embedding keeps what the discriminator asked for, which need not be what tells classes apart."

    def __init__(self, config: BiGANConfig):
        super().__init__(config)
        conv = config.architecture == "conv"
        self.encoder = conv_encoder(config) if conv else dense_encoder(config)
        self.decoder = None
        if config.has_decoder:
            self.decoder = conv_generator(config) if conv else dense_generator(config)
            self.discriminator = Discriminator(config)
        self.post_init()

    @answers_in_full
    def forward(
        self,
        pixel_values: torch.FloatTensor,
        return_loss: bool = True,
        noise: torch.FloatTensor | None = None,
        generator: torch.Generator | None = None,
    ) -> BiGANOutput:
        """Encode, reconstruct, generate, let the discriminator judge both pairs.

        Args:
            pixel_values: (B, C, H, W), float in [0, 1].
            return_loss: False leaves the loss out, and what only the loss needs. The default must be True: `Trainer`
                reads it to know that this model needs no labels to evaluate.
            noise: (B, D), codes to generate from; None draws them from the prior.
            generator: of that draw and of corruption; None for the default one while training, and for always the
                same codes in eval mode, where nothing is corrupted.

        Raises:
            ValueError: images of another size or number of channels than the config's, integer pixels, or noise of
                another shape.
        """
        check_pixel_values(pixel_values, self.config)
        seen = corrupt(pixel_values, self.config, generator) if self.training else pixel_values
        latents = self.encoder(seen)  # (B, D)
        if self.decoder is None:
            return BiGANOutput(latents=latents)
        with torch.no_grad():
            reconstruction = frozen(self.decoder, latents)  # (B, C, H, W)
            squared_error = (reconstruction - pixel_values).square().flatten(1).sum(1)  # (B,)
        if not wants_loss(return_loss):
            return BiGANOutput(latents=latents, reconstruction=reconstruction)
        if noise is None:
            by = Fixed() if generator is None and not self.training else generator
            noise = self.draw_codes(pixel_values.shape[0], by).to(pixel_values)
        elif noise.shape != latents.shape:
            raise ValueError(f"noise has shape {tuple(noise.shape)}, expected (batch, codes) {tuple(latents.shape)}.")
        made = self.decoder(noise)  # (B, C, H, W)
        discriminator_loss, generator_loss, penalty = play(
            self.discriminator,
            torch.cat([pixel_values, made]),
            torch.cat([latents, noise]),
            self.config.r1_weight if self.training and torch.is_grad_enabled() else 0.0,
        )
        loss, diversity = discriminator_loss + generator_loss + penalty, relative_spread(made, pixel_values)
        return BiGANOutput(
            latents,
            reconstruction,
            loss,
            squared_error,
            penalty.detach(),
            discriminator_loss=discriminator_loss.detach(),
            generator_loss=generator_loss.detach(),
            diversity=diversity,
        )

    def draw_codes(self, num_codes: int, generator: Chance = None) -> torch.FloatTensor:
        """(N, D) codes from the prior, on the model's device; `generator` may be on another one."""
        own = torch.device("cpu") if self.device.type == "meta" else self.device  # of weights that accelerate keeps
        shape, where = (num_codes, self.config.latent_size), getattr(generator, "device", own)
        if self.config.prior == "normal":
            codes = normal(shape, where, generator)
        else:
            codes = 2 * uniform(shape, where, generator) - 1
        return codes.to(own, self.dtype)

    def encode(self, pixel_values: torch.FloatTensor) -> torch.FloatTensor:
        """(B, C, H, W) pixels in [0, 1] -> (B, D) code."""
        check_pixel_values(pixel_values, self.config)
        return self.encoder(pixel_values)

    def decode(self, latents: torch.FloatTensor) -> torch.FloatTensor:
        """(B, D) code -> (B, C, H, W) image in [0, 1]; ValueError without a generator, as in a classifier."""
        require_decoder(self)
        return self.decoder(latents)

    def reconstruct(self, pixel_values: torch.FloatTensor) -> torch.FloatTensor:
        """(B, C, H, W) pixels in [0, 1] -> their (B, C, H, W) reconstruction."""
        return self.decode(self.encode(pixel_values))

    @torch.no_grad()
    def generate(self, num_images: int, generator: torch.Generator | None = None) -> torch.FloatTensor:
        """(N, C, H, W) new images in [0, 1] from codes of the prior. Call `eval()` first, as for any batch norm."""
        return self.decode(self.draw_codes(num_images, generator))

    def warnings(self, output: BiGANOutput) -> list[str]:
        """That one side of the game has lost it: the discriminator is always right, or all images look alike."""
        if output.discriminator_loss is None:
            return []
        found = []
        if output.discriminator_loss < WON:
            found.append(
                f"the discriminator tells every pair apart (loss {output.discriminator_loss:.3f}), so the encoder "
                f"learns nothing more. Try --config.spectral_norm true, --config.r1_weight 1, a lower "
                f"--config.discriminator_learning_rate_ratio."
            )
        if output.diversity < ALIKE:
            found.append(
                f"the generated images vary {output.diversity:.2f} times as much as the real ones: the generator has "
                f"lost their variety. Try a lower --learning_rate or --config.r1_weight 1."
            )
        return found

    def parameter_groups(self, learning_rate: float) -> list[dict]:
        """Groups for Adam: `learning_rate` for encoder and generator, a multiple of it (config) for the discriminator,
        and for all less momentum than usual, after DCGAN."""
        rates = {"encoder": 1.0, "decoder": 1.0, "discriminator": self.config.discriminator_learning_rate_ratio}
        return [
            {"params": list(part.parameters()), "lr": learning_rate * rates[name], "betas": (0.5, 0.999)}
            for name, part in self.named_children()
        ]


class BiGANForImageClassification(ClassifiesImages, BiGANPreTrainedModel):
    """The encoder and one linear layer from the code to the classes.

    `from_pretrained` takes a `BiGANModel` checkpoint (the classifier is then new) or its own. With
    `reconstruction_weight` above 0 generator and discriminator stay and the pretraining loss, times that weight, is
    added.
    """

    def __init__(self, config: BiGANConfig):
        config = classifier_config(config)
        super().__init__(config)
        self.bigan = BiGANModel(config)
        self.classifier = nn.Linear(config.latent_size, config.num_labels)
        self.post_init()
