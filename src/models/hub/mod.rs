//! The public hub of models: what a repository holds at a commit, and its files, fetched safely.
//!
//! [`Hub`] asks; [`Settings`] say where and how patiently. A file is fetched into a `.part`, goes on there
//! after an interruption, and gets its name only when size and digest are the ones the hub lists.

mod client;
mod download;
mod error;
mod pace;
mod repository;
mod retry;
mod settings;

pub use client::Hub;
pub use error::HubError;
pub use repository::{Listed, Repository, Revision};
pub use settings::{Settings, Token};
