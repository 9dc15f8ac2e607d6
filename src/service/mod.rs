//! Servers that compute for us: asked politely, never without end, and never with a key in sight.
//!
//! A [`Service`] is a base address with manners: it tries again where that may help, waits as long as the
//! server asks, gives up at its timeout, stops when the user does, and says what to do. What it is asked is the
//! business of [`speech`](crate::speech) and [`prompting`](crate::prompting).

mod client;
mod error;
mod manners;
mod settings;

pub use client::{Answer, Service};
pub use error::Error;
pub use manners::{told, wish};
pub use settings::{Secret, Settings, Stop};
