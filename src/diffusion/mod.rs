//! Text to image by latent diffusion, in the diffusers folder layout.
//!
//! [`TextToImage`] holds the loop: the prompt becomes tokens and hidden states, seeded noise
//! becomes latents step by step under a [`schedulers::Scheduler`], and the VAE makes them a
//! picture. Equal weights and noise give the picture that diffusers gives, for every family of
//! models (`tests/reference` holds this).

mod advice;
mod bands;
mod blank;
mod conditioning;
mod denoiser;
mod error;
mod footprint;
mod geometry;
mod guidance;
mod ip_adapter;
mod network;
mod noise;
mod packing;
mod profile;
mod published;
mod request;
mod rewritten;
pub mod schedulers;
mod scratch;
mod stored;
mod t5_tokenizer;
mod text_encoder;
mod text_to_image;
mod tiles;
mod tokenizer;
mod vae;
mod weighting;

pub use advice::{Advice, Usual, UsualSize};
pub use blank::{Blank, check};
pub use denoiser::{Denoiser, Told};
pub use error::Error;
pub use footprint::Footprints;
pub use geometry::{Geometry, LatentScale};
pub use ip_adapter::IpAdapter;
pub use network::Way;
pub use noise::{Generator, Philox, Random};
pub use request::{Kept, Likeness, Noise, Options, Picture, Progress, Reading, Request, Source, Start, Unit};
pub use stored::{Packing, laid_beside, stored};
pub use t5_tokenizer::T5Tokenizer;
pub use text_encoder::{Encoded, Layer, TextEncoder};
pub use text_to_image::{TextToImage, Undecoded};
pub use tokenizer::{Chunk, Tokenizer, Tokens};
pub use vae::{VaeDecoder, VaeEncoder};
pub use weighting::{Weighted, weights};
