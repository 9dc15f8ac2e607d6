//! Why nothing can be heard.

/// Why a voice cannot speak.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// libespeak-ng is not on this machine.
    #[error("the voice library espeak-ng is not installed (looked for {looked_for}): run `just setup`")]
    NotInstalled {
        /// The names tried.
        looked_for: String,
    },
    /// libespeak-ng is there but cannot be used.
    #[error(
        "the voice library espeak-ng cannot be used: {reason}; run `just setup` to install 1.50 or later"
    )]
    Unusable {
        /// What is wrong with it.
        reason: String,
    },
    /// espeak-ng does not speak the language.
    #[error("espeak-ng knows no voice `{voice}`{}", did_you_mean(.similar))]
    UnknownLanguage {
        /// The name asked for.
        voice: String,
        /// The nearest names, best first.
        similar: Vec<String>,
    },
    /// espeak-ng has no such variant.
    #[error("espeak-ng knows no voice variant `{variant}`{}", did_you_mean(.similar))]
    UnknownVariant {
        /// The variant asked for.
        variant: String,
        /// The nearest names, best first.
        similar: Vec<String>,
    },
    /// The speed lies outside what espeak-ng can do.
    #[error(
        "rate {rate} makes {words_per_minute:.0} words a minute and espeak-ng speaks 80 to 450: \
         choose a rate from {min:.2} to {max:.2}"
    )]
    Rate {
        /// The rate asked for.
        rate: f32,
        /// The speed it makes.
        words_per_minute: f32,
        /// The lowest rate possible with this voice.
        min: f32,
        /// The highest rate possible with this voice.
        max: f32,
    },
    /// A setting of the voice lies outside its range.
    #[error("the voice's {setting} is {value}; it goes from {min} to {max}")]
    Setting {
        /// `pitch`, `range` or `words_per_minute`.
        setting: &'static str,
        /// The value asked for.
        value: u16,
        /// The lowest.
        min: u16,
        /// The highest.
        max: u16,
    },
    /// A voice's network does not fit into memory.
    #[error("{reason}")]
    OutOfMemory {
        /// Which, and where.
        reason: String,
    },
    /// A voice's file cannot be used.
    #[error("the voice {} cannot be used: {reason}", path.display())]
    Model {
        /// Which file.
        path: std::path::PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A lexicon cannot be used.
    #[error("the lexicon {} cannot be used: {reason}", path.display())]
    Lexicon {
        /// Which file.
        path: std::path::PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// What an element of SSML asks for cannot be said.
    #[error("{reason}")]
    Saying {
        /// The script's line on which the element begins, from 1.
        line: u32,
        /// Why not, and what to do.
        reason: String,
    },
    /// A server failed.
    #[error(transparent)]
    Service(#[from] crate::service::Error),
    /// An engine refused a text.
    #[error("{engine} cannot speak `{text}`: {reason}")]
    Synthesis {
        /// Who refused it.
        engine: &'static str,
        /// What it was to speak.
        text: String,
        /// Why not.
        reason: String,
    },
}

fn did_you_mean(similar: &[String]) -> String {
    match similar {
        [] => String::from(": see `espeak-ng --voices`"),
        names => format!(": did you mean `{}`?", names.join("`, `")),
    }
}
