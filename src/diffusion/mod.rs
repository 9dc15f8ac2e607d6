//! Text to image by latent diffusion, in the diffusers folder layout.
