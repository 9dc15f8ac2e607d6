//! The content-addressed store: nothing is computed twice, and a killed run loses nothing.
//!
//! A [`Key`] says everything that a result depends on; the *record* under it holds the result
//! and names the *objects* (bytes by digest) that belong to it.
//!
//! ```text
//! <root>/CACHEDIR.TAG
//! <root>/v1/ac/xx/<key>.json    records
//!           cas/xx/<digest>     objects
//!           tmp/                being written
//!           locks/              one file a key in flight, users.lock
//!           quarantine/         what no longer hashes to its name
//! ```
//!
//! Files appear whole or not at all (temporary name, sync, rename) and are verified when read:
//! what is broken is set aside, told as a [`Warning`], and computed again. Locks are the
//! kernel's, so they vanish with the process that held them; the files that a killed process leaves
//! are locked by nobody, and the next to open the store removes them.

mod atomic;
mod disk;
mod error;
mod explain;
pub mod fault;
mod flight;
mod key;
mod layout;
mod objects;
mod prune;
mod records;
mod warning;

pub use atomic::{part_path, publish, write_atomically};
pub use disk::network_disk;
pub use error::Error;
pub use explain::{Difference, differences};
pub use flight::Origin;
pub use key::{Field, Key, KeyBuilder};
pub use layout::Store;
pub use prune::{Limits, Removed, Stat};
pub use records::Entry;
pub use warning::Warning;
