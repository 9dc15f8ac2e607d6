use std::{ops::Range, time::Duration};

const NAMES: [&str; 3] = ["scene", "pause", "voice"];
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What a pair of brackets asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Directive {
    /// The picture from here on.
    Scene(String),
    /// Silence.
    Pause(Duration),
    /// Who speaks from here on; nothing is the pipeline's own voice.
    Voice(Option<String>),
}

/// What is wrong with a directive, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) message: String,
    pub(super) help: String,
}

/// A directive and where it stands in the script.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) directive: Directive,
    pub(super) range: Range<usize>,
}

impl Directive {
    /// Reads what stands between brackets: a directive, a note (nothing), or a mistake.
    pub(super) fn read(content: &str) -> Result<Option<Self>, Wrong> {
        let (name, value) = match content.split_once([':', '：']) {
            Some((name, value)) => (name.trim(), Some(value.trim())),
            None => (content.trim(), None),
        };
        let lower = name.to_lowercase();
        let known = NAMES.contains(&lower.as_str());
        let one_word = !name.is_empty() && name.chars().all(|c| c.is_alphabetic() || matches!(c, '-' | '_'));
        match value {
            None | Some("") if known => Err(Wrong {
                message: format!("`[{name}]` says no more than its name"),
                help: format!("write {}", example(&lower)),
            }),
            Some(value) if known => Self::of(&lower, value).map(Some),
            Some(value) if one_word && !value.starts_with("//") => Err(unknown(name, &lower)),
            _ => Ok(None),
        }
    }

    /// SSML's `break time="800ms"/`, which is a pause; nothing for any other tag.
    pub(super) fn of_break(tag: &str) -> Option<Result<Self, Wrong>> {
        let rest = tag.trim_end_matches('/').trim().strip_prefix("break")?;
        if rest.starts_with(|c: char| c.is_alphanumeric()) {
            return None;
        }
        let attribute = |name: &str| {
            let (_, value) = rest.split_once(name)?;
            let value = value.trim_start().strip_prefix('=')?.trim_start();
            let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            value[1..].split_once(quote).map(|(value, _)| value.trim())
        };
        if let Some(time) = attribute("time") {
            return Some(length(time).map(Self::Pause));
        }
        // The lengths that speech engines give the strengths of SSML.
        let milliseconds = match attribute("strength").unwrap_or("medium") {
            "none" => 0,
            "x-weak" => 100,
            "weak" => 250,
            "medium" => 400,
            "strong" => 700,
            "x-strong" => 1000,
            other => {
                return Some(Err(Wrong {
                    message: format!("there is no break of strength `{other}`"),
                    help: "write `<break time=\"800ms\"/>`, or a strength from none, x-weak, weak, medium, strong, x-strong"
                        .to_owned(),
                }));
            }
        };
        Some(Ok(Self::Pause(Duration::from_millis(milliseconds))))
    }

    fn of(name: &str, value: &str) -> Result<Self, Wrong> {
        Ok(match name {
            "scene" => Self::Scene(value.to_owned()),
            "voice" if value.eq_ignore_ascii_case("default") => Self::Voice(None),
            "voice" => Self::Voice(Some(value.to_owned())),
            _ => Self::Pause(length(value)?),
        })
    }
}

fn example(name: &str) -> &'static str {
    match name {
        "scene" => "for example `[scene: a red bicycle in the snow]`",
        "voice" => "for example `[voice: onyx]`, or `[voice: default]` for the pipeline's own",
        _ => "for example `[pause: 800ms]` or `[pause: 1.5s]`",
    }
}

fn unknown(name: &str, lower: &str) -> Wrong {
    let nearest = NAMES
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(known, lower), known))
        .min()
        .filter(|(distance, _)| *distance <= 2);
    let help = match nearest {
        Some((_, known)) => format!("did you mean `{known}`? Write {}", example(known)),
        None => "the directives are `scene`, `pause` and `voice`; write a note without a colon, \
                 or as `<!-- a comment -->`"
            .to_owned(),
    };
    Wrong { message: format!("there is no directive `{name}`"), help }
}

fn length(value: &str) -> Result<Duration, Wrong> {
    let wrong = |message: String| Wrong { message, help: format!("write {}", example("pause")) };
    let lower = value.to_lowercase();
    let (number, unit) = match (lower.strip_suffix("ms"), lower.strip_suffix('s')) {
        (Some(number), _) => (number, 1e-3),
        (None, Some(number)) => (number, 1.0),
        (None, None) => return Err(wrong(format!("`{value}` is not a length with its unit"))),
    };
    let number = number.trim();
    let plain = number.chars().all(|c| c.is_ascii_digit() || c == '.');
    let seconds = match number.parse::<f64>() {
        Ok(number) if plain => number * unit,
        _ => return Err(wrong(format!("`{value}` is not a length"))),
    };
    let length = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
    if length > LONGEST_PAUSE {
        return Err(wrong(format!("a pause of `{value}` is longer than {} s", LONGEST_PAUSE.as_secs())));
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &str) -> Result<Option<Directive>, String> {
        Directive::read(content).map_err(|wrong| format!("{} | {}", wrong.message, wrong.help))
    }

    #[test]
    fn directives_and_notes_are_told_apart() {
        assert_eq!(read("scene: a: b"), Ok(Some(Directive::Scene("a: b".into()))));
        assert_eq!(read(" Voice : onyx "), Ok(Some(Directive::Voice(Some("onyx".into())))));
        assert_eq!(read("voice: default"), Ok(Some(Directive::Voice(None))));
        for (value, millis) in [("800ms", 800), ("1.5s", 1500), ("2 s", 2000), ("0ms", 0), ("1S", 1000)] {
            let pause = Directive::Pause(Duration::from_millis(millis));
            assert_eq!(read(&format!("pause: {value}")), Ok(Some(pause)), "{value}");
        }
        for note in ["laughs", "12:30", "cut here: the end", "", " ", "https://example.org"] {
            assert_eq!(read(note), Ok(None), "{note}");
        }
    }

    #[test]
    fn breaks_of_ssml_are_pauses() {
        for (tag, millis) in [
            ("break time=\"800ms\"/", 800),
            ("break time='1.5s' /", 1500),
            ("break/", 400),
            ("break strength=\"x-strong\"/", 1000),
        ] {
            let pause = Directive::Pause(Duration::from_millis(millis));
            assert_eq!(Directive::of_break(tag), Some(Ok(pause)), "{tag}");
        }
        assert_eq!(Directive::of_break("br/"), None);
        assert_eq!(Directive::of_break("breakfast"), None);
        assert!(matches!(Directive::of_break("break time=\"soon\"/"), Some(Err(_))));
        assert!(matches!(Directive::of_break("break strength=\"huge\"/"), Some(Err(_))));
    }

    #[test]
    fn mistakes_say_what_to_write() {
        for (content, told) in [
            ("scnee: x", "did you mean `scene`"),
            ("music: upbeat", "the directives are"),
            ("pause", "for example `[pause: 800ms]`"),
            ("scene:", "for example `[scene:"),
            ("pause: 800", "`800` is not a length with its unit"),
            ("pause: -1s", "`-1s` is not a length"),
            ("pause: infs", "`infs` is not a length"),
            ("pause: 1e9s", "`1e9s` is not a length"),
            ("pause: 99999999999999999999999s", "longer than 60 s"),
        ] {
            let error = read(content).unwrap_err();
            assert!(error.contains(told), "{content}: {error}");
        }
    }
}
