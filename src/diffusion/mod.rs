//! Text to image by latent diffusion, in the diffusers folder layout.
//!
//! [`TextToImage`] holds the loop: the prompt becomes tokens and hidden states, seeded noise
//! becomes latents step by step under a [`schedulers::Scheduler`], and the VAE makes them a
//! picture. Equal weights and noise give the picture that diffusers gives
//! (`tests/diffusion.rs` holds this).

mod blank;
mod denoiser;
mod error;
mod footprint;
mod geometry;
mod guidance;
mod noise;
pub mod schedulers;
mod text_encoder;
mod text_to_image;
mod tokenizer;
mod vae;

pub use blank::{Blank, check};
pub use denoiser::Denoiser;
pub use error::Error;
pub use footprint::demands;
pub use geometry::Geometry;
pub use noise::{Generator, standard_normal};
pub use text_encoder::TextEncoder;
pub use text_to_image::{Noise, Options, Picture, Progress, Request, TextToImage};
pub use tokenizer::{Tokenizer, Tokens};
pub use vae::VaeDecoder;
