//! The input text, read once: what is spoken, and what directs.
//!
//! [`Script::parse`] and [`Script::read_bytes`] are the ways in. Plain text or Markdown:
//!
//! | written | meaning |
//! |---|---|
//! | YAML between two `---` lines at the top | settings for this video |
//! | the first `# heading` | the title; no heading is spoken |
//! | a blank line, a rule, a heading | the paragraph ends |
//! | `[scene: a red bicycle in the snow]` | the picture from here on |
//! | `[pause: 800ms]`, `[pause: 1.5s]` | silence |
//! | `[voice: onyx]`, `[voice: default]` | who speaks from here on |
//! | `<break>`, `<emphasis>`, `<prosody>`, `<say-as>`, `<phoneme>`, `<sub>` | SSML: how it is said |
//! | `[anything else]`, `<!-- ... -->` | a note, never spoken |
//! | emphasis, links, lists, quotes, code | their plain text |
//! | `\[`, `\*`, ... | the character itself |

mod attributes;
mod beat;
mod block;
mod clause;
mod directive;
mod encoding;
mod inline;
mod passage;
mod reader;
mod saying;
mod sentence;
mod tag;

pub use beat::{Beat, FrontMatter, Pause, Script, ScriptError};
pub use saying::{DateOrder, How, Kind, Prosody, Saying};
