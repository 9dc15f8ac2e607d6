/// Why no scenes could be directed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The shortest and longest length of a scene make no sense.
    #[error(
        "scenes cannot last between {shortest} and {longest} seconds: write `seconds: [shortest, longest]` with 0 < shortest < longest, for example [2.5, 6]"
    )]
    Lengths {
        /// The shortest.
        shortest: f64,
        /// The longest.
        longest: f64,
    },
    /// The narration is not of this script.
    #[error("the narration speaks beat {beat} of a script that has {beats}: it belongs to another script")]
    OtherScript {
        /// The beat it speaks.
        beat: usize,
        /// How many the script has.
        beats: usize,
    },
    /// There is nothing to show pictures with.
    #[error("the narration speaks nothing, so there is nothing to show")]
    Silent,
    /// A storyboard that does not fit the script.
    #[error("the storyboard cannot be filmed: {reason}")]
    Storyboard {
        /// Everything that is wrong with it.
        reason: String,
    },
    /// A language model that answers no storyboard.
    #[error("the language model's answer is no storyboard: {reason}")]
    Answer {
        /// What is wrong with it.
        reason: String,
    },
    /// The server failed.
    #[error(transparent)]
    Service(#[from] crate::service::Error),
    /// A data file of our own cannot be read.
    #[error("assets/{file} cannot be read: {reason}")]
    Asset {
        /// The file.
        file: &'static str,
        /// Why.
        reason: String,
    },
}
