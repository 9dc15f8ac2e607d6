"""Inputs, outputs and free dimensions of every kind of network our engine runs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

Axes = dict[str, dict[int, str]]
Inputs = dict[str, torch.Tensor]
ROWS = {0: "batch_size"}
WORDS = {0: "batch_size", 1: "sequence_length"}
IMAGE = {0: "batch_size", 2: "height", 3: "width"}


@dataclass(frozen=True)
class Sizes:
    """Of one run: height and width of the latents (FLUX: of its packed ones), words of the prompt."""

    rows: int
    height: int = 0
    width: int = 0
    words: int = 77


@dataclass(frozen=True)
class Contract:
    """How a network is called with the tensors `inputs` makes, and which of their dimensions are free."""

    call: Callable[..., Any]
    outputs: list[str]
    axes: Axes
    inputs: Callable[[Sizes], Inputs]


def _noise(seed: int) -> Callable[..., torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return lambda *shape: torch.randn(*shape, generator=generator)


def clip_text(module: Any, projected: bool, hidden: bool = True) -> Contract:
    """With a projection the first output is `text_embeds`."""
    config = module.config

    def call(m: Any, ids: torch.Tensor) -> tuple[torch.Tensor, ...]:
        out = m(ids, output_hidden_states=True)
        states = tuple(out.hidden_states) if hidden else ()
        return (out.text_embeds, out.last_hidden_state, *states) if projected else (out.last_hidden_state, out.pooler_output, *states)

    outputs = ["text_embeds", "last_hidden_state"] if projected else ["last_hidden_state", "pooler_output"]
    outputs += [f"hidden_states.{k}" for k in range(config.num_hidden_layers + 1)] if hidden else []
    end, limit = config.vocab_size - 1, config.max_position_embeddings

    def inputs(sizes: Sizes) -> Inputs:
        return {"input_ids": torch.tensor([[end - 1, *range(5 + row, 9 + row), *[end] * (limit - 5)] for row in range(sizes.rows)])}

    return Contract(call, outputs, {name: ROWS for name in ("input_ids", *outputs)}, inputs)


def t5_text(module: Any) -> Contract:
    def inputs(sizes: Sizes) -> Inputs:
        return {"input_ids": torch.tensor([[5 + (row + k) % 90 for k in range(sizes.words - 2)] + [1, 0] for row in range(sizes.rows)])}

    return Contract(lambda m, ids: m(ids).last_hidden_state, ["last_hidden_state"], {"input_ids": WORDS, "last_hidden_state": WORDS}, inputs)


def unet(module: Any, pooled: int = 0, whole: bool = False) -> Contract:
    """`pooled` is the width of SDXL's pooled prompt. Timesteps are floats, as Euler's mostly are; int64 where `whole` says so."""
    config = module.config
    sizes_told, guided = config.addition_embed_type == "text_time", bool(config.time_cond_proj_dim)
    count = (config.projection_class_embeddings_input_dim - pooled) // config.addition_time_embed_dim if sizes_told else 0

    def call(m: Any, sample: torch.Tensor, timestep: torch.Tensor, hidden: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
        extra: dict[str, Any] = {"added_cond_kwargs": {"text_embeds": rest[0], "time_ids": rest[1]}} if sizes_told else {}
        if guided:
            extra["timestep_cond"] = rest[-1]
        return m(sample, timestep, hidden, return_dict=False, **extra)[0]

    def inputs(sizes: Sizes) -> Inputs:
        draw, rows = _noise(sizes.rows), sizes.rows
        given = {"sample": draw(rows, config.in_channels, sizes.height, sizes.width), "timestep": torch.tensor(601 if whole else 600.75),
                 "encoder_hidden_states": draw(rows, sizes.words, config.cross_attention_dim)}
        if sizes_told:
            given |= {"text_embeds": draw(rows, pooled), "time_ids": draw(rows, count).abs() * 64}
        return given | ({"timestep_cond": draw(rows, config.time_cond_proj_dim)} if guided else {})

    axes = {"sample": IMAGE, "encoder_hidden_states": WORDS, "out_sample": IMAGE, **({"text_embeds": ROWS, "time_ids": ROWS} if sizes_told else {}),
            **({"timestep_cond": ROWS} if guided else {})}
    return Contract(call, ["out_sample"], axes, inputs)


def sd3(module: Any) -> Contract:
    config = module.config

    def inputs(sizes: Sizes) -> Inputs:
        draw, rows = _noise(sizes.rows), sizes.rows
        return {"hidden_states": draw(rows, config.in_channels, sizes.height, sizes.width),
                "encoder_hidden_states": draw(rows, sizes.words, config.joint_attention_dim),
                "pooled_projections": draw(rows, config.pooled_projection_dim), "timestep": torch.tensor([601.0] * rows)}

    def call(m: Any, h: torch.Tensor, e: torch.Tensor, p: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return m(h, encoder_hidden_states=e, pooled_projections=p, timestep=t, return_dict=False)[0]

    return Contract(call, ["out_hidden_states"], {"hidden_states": IMAGE, "encoder_hidden_states": WORDS, "pooled_projections": ROWS, "timestep": ROWS,
                                                  "out_hidden_states": IMAGE}, inputs)


def flux(module: Any) -> Contract:
    config = module.config

    def inputs(sizes: Sizes) -> Inputs:
        draw, rows, high, wide = _noise(sizes.rows), sizes.rows, sizes.height, sizes.width
        places = torch.stack(torch.meshgrid(torch.zeros(1), torch.arange(0.0, high), torch.arange(0.0, wide), indexing="ij"), -1).reshape(-1, 3)
        given = {"hidden_states": draw(rows, high * wide, config.in_channels),
                 "encoder_hidden_states": draw(rows, sizes.words, config.joint_attention_dim),
                 "pooled_projections": draw(rows, config.pooled_projection_dim),
                 "timestep": torch.full((rows,), 0.601), "img_ids": places, "txt_ids": torch.zeros(sizes.words, 3)}
        return given | ({"guidance": torch.full((rows,), 3.5)} if config.guidance_embeds else {})

    def call(m: Any, h: torch.Tensor, e: torch.Tensor, p: torch.Tensor, t: torch.Tensor, i: torch.Tensor, x: torch.Tensor,
             g: torch.Tensor | None = None) -> torch.Tensor:
        return m(h, encoder_hidden_states=e, pooled_projections=p, timestep=t, img_ids=i, txt_ids=x, guidance=g, return_dict=False)[0]

    packed = {0: "batch_size", 1: "packed_height_width"}
    axes = {"hidden_states": packed, "encoder_hidden_states": WORDS, "pooled_projections": ROWS, "timestep": ROWS,
            "img_ids": {0: "packed_height_width"}, "txt_ids": {0: "sequence_length"}, "out_hidden_states": packed,
            **({"guidance": ROWS} if config.guidance_embeds else {})}
    return Contract(call, ["out_hidden_states"], axes, inputs)


def factor(module: Any) -> int:
    """Pixels to a latent, each way."""
    config = module.config
    return 2 ** (len(config.get("block_out_channels") or config["decoder_block_out_channels"]) - 1)


def vae_decoder(module: Any) -> Contract:
    def inputs(sizes: Sizes) -> Inputs:
        return {"latent_sample": _noise(1)(sizes.rows, module.config.latent_channels, sizes.height, sizes.width)}

    return Contract(lambda m, z: m.decode(z, return_dict=False)[0], ["sample"], {"latent_sample": IMAGE, "sample": IMAGE}, inputs)


def vae_encoder(module: Any) -> Contract:
    """A tiny autoencoder answers latents, the others mean and logarithm of the variance."""
    tiny, scale = type(module).__name__ == "AutoencoderTiny", factor(module)
    output = "latent_sample" if tiny else "latent_parameters"

    def inputs(sizes: Sizes) -> Inputs:
        drawn = torch.rand(sizes.rows, 3, sizes.height * scale, sizes.width * scale, generator=torch.Generator().manual_seed(1))
        return {"sample": drawn.mul(2).sub(1)}

    call = lambda m, x: m.encode(x).latents if tiny else m.encode(x).latent_dist.parameters
    return Contract(call, [output], {"sample": IMAGE, output: IMAGE}, inputs)
