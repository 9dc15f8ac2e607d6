//! What stands between `<` and `>`: HTML, which is taken out, and the SSML that is heard.

use super::{
    directive::{Directive, Wrong},
    saying::{DateOrder, How, Kind, Prosody},
};

/// What a tag asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tag {
    /// Silence.
    Directive(Directive),
    /// An address in angle brackets: the text itself.
    Address,
    /// The line ends.
    LineEnd,
    /// Nothing: formatting.
    Silent,
    /// An element begins.
    Open(&'static str, How),
    /// An element that changes nothing begins.
    Empty(&'static str),
    /// An element ends.
    Close(&'static str),
}

/// The elements that say how their text is said.
const HEARD: [&str; 5] = ["emphasis", "prosody", "say-as", "phoneme", "sub"];

/// HTML's and SSML's elements that change nothing in speech. HTML's own `sub`, a lowered text, has no `alias`.
const SILENT: &[&str] = &[
    "a",
    "abbr",
    "address",
    "article",
    "aside",
    "b",
    "bdi",
    "bdo",
    "big",
    "blockquote",
    "body",
    "caption",
    "center",
    "cite",
    "code",
    "data",
    "dd",
    "del",
    "details",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "font",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "head",
    "header",
    "html",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "main",
    "mark",
    "nav",
    "ol",
    "pre",
    "q",
    "rp",
    "rt",
    "ruby",
    "s",
    "samp",
    "section",
    "small",
    "span",
    "speak",
    "strike",
    "strong",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "time",
    "tr",
    "tt",
    "u",
    "ul",
    "var",
    "wbr",
    "w",
];

impl Tag {
    /// Reads what stands between `<` and `>`.
    pub(super) fn read(content: &str) -> Result<Self, Wrong> {
        if content.contains("://") && !content.contains('=')
            || content.contains('@') && !content.contains('=')
        {
            return Ok(Self::Address);
        }
        if let Some(pause) = Directive::of_break(content) {
            return pause.map(Self::Directive);
        }
        let (closes, rest) = match content.strip_prefix('/') {
            Some(rest) => (true, rest),
            None => (false, content),
        };
        let end = rest.find(|c: char| c.is_whitespace() || c == '/').unwrap_or(rest.len());
        let name = rest[..end].to_ascii_lowercase();
        let empty = rest.trim_end().ends_with('/');
        let attributes = Attributes { element: &name, rest: &rest[end..] };
        if let Some(known) = HEARD.into_iter().find(|known| *known == name) {
            return match (closes, empty) {
                (true, _) => Ok(Self::Close(known)),
                (false, true) => Ok(Self::Silent),
                (false, false) => attributes.how(known),
            };
        }
        match name.as_str() {
            "br" | "hr" | "p" => Ok(if closes || name != "p" { Self::LineEnd } else { Self::Silent }),
            _ if SILENT.contains(&name.as_str()) => Ok(Self::Silent),
            _ => Err(unknown(&name)),
        }
    }
}

fn unknown(name: &str) -> Wrong {
    let near = HEARD
        .into_iter()
        .chain(["break"])
        .map(|known| (strsim::damerau_levenshtein(known, name), known))
        .min()
        .filter(|(distance, _)| *distance <= 2);
    let help = match (name, near) {
        ("voice" | "lang", _) => "write `[voice: onyx]` before what another voice says, and `[voice: default]` behind it".to_owned(),
        ("audio", _) => "sounds are mixed by the timeline stage: `timeline.music`, `timeline.effects`".to_owned(),
        (_, Some((_, known))) => format!("did you mean `<{known}>`?"),
        _ => "of SSML there are `<break>`, `<emphasis>`, `<prosody>`, `<say-as>`, `<phoneme>` and `<sub>`; for the \
              character itself write `\\<`"
            .to_owned(),
    };
    Wrong { message: format!("there is no tag `<{name}>`"), help }
}

/// The attributes of one tag.
struct Attributes<'t> {
    element: &'t str,
    rest: &'t str,
}

impl<'t> Attributes<'t> {
    fn get(&self, wanted: &str) -> Option<&'t str> {
        let mut rest = self.rest;
        while let Some((name, behind)) = rest.split_once('=') {
            let behind = behind.trim_start();
            let quote = behind.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            let (value, after) = behind[1..].split_once(quote)?;
            if name.trim().eq_ignore_ascii_case(wanted) {
                return Some(value.trim());
            }
            rest = after;
        }
        None
    }

    fn wrong(&self, name: &str, value: &str, help: &str) -> Wrong {
        Wrong { message: format!("`<{}>` knows no {name} `{value}`", self.element), help: help.to_owned() }
    }

    fn lacks(&self, help: &str) -> Wrong {
        Wrong { message: format!("`<{}>` does not say how", self.element), help: help.to_owned() }
    }

    fn how(&self, element: &'static str) -> Result<Tag, Wrong> {
        Ok(match element {
            "emphasis" => Tag::Open(element, How::Prosody(self.emphasis()?)),
            "prosody" => Tag::Open(element, How::Prosody(self.prosody()?)),
            "say-as" => Tag::Open(element, How::As(self.kind()?)),
            "phoneme" => Tag::Open(element, How::Ipa(self.sounds()?)),
            _ => match self.get("alias") {
                Some("") => return Err(self.lacks("write `<sub alias=\"what is said\">what is shown</sub>`")),
                Some(alias) => Tag::Open(element, How::Alias(alias.to_owned())),
                None => Tag::Empty(element),
            },
        })
    }

    /// Slower and louder, as speech services understand it.
    fn emphasis(&self) -> Result<Prosody, Wrong> {
        Ok(match self.get("level").unwrap_or("moderate") {
            "strong" => Prosody { rate: 850, pitch: 100, volume: 400 },
            "moderate" => Prosody { rate: 920, pitch: 50, volume: 200 },
            "none" => Prosody::PLAIN,
            "reduced" => Prosody { rate: 1_100, pitch: -50, volume: -300 },
            other => {
                return Err(self.wrong(
                    "level",
                    other,
                    "the levels are `strong`, `moderate`, `reduced` and `none`",
                ));
            }
        })
    }

    fn prosody(&self) -> Result<Prosody, Wrong> {
        let [rate, pitch, volume] = ["rate", "pitch", "volume"].map(|name| self.get(name));
        if rate.is_none() && pitch.is_none() && volume.is_none() {
            return Err(self.lacks("give it `rate`, `pitch` or `volume`, as in `<prosody rate=\"slow\">`"));
        }
        Ok(Prosody {
            rate: rate.map_or(Ok(1_000), |value| self.rate(value))?,
            pitch: pitch.map_or(Ok(0), |value| self.pitch(value))?,
            volume: volume.map_or(Ok(0), |value| self.volume(value))?,
        })
    }

    fn rate(&self, value: &str) -> Result<u16, Wrong> {
        let factor = match value {
            "x-slow" => 0.5,
            "slow" => 0.75,
            "medium" | "default" => 1.0,
            "fast" => 1.25,
            "x-fast" => 1.6,
            _ => {
                let percent = value.strip_suffix('%').map(|percent| (percent, 0.01));
                let (number, unit) = percent.unwrap_or((value, 1.0));
                let signed = number.starts_with(['+', '-']);
                let parsed = parse(number).map(|number| number * unit);
                parsed.map_or(f64::NAN, |number| if signed { 1.0 + number } else { number })
            }
        };
        let help = "write x-slow, slow, medium, fast, x-fast, or from 50% to 200% of the voice's own speed";
        scaled(factor, 0.5..=2.0, 1e3).map(|rate| rate as u16).ok_or_else(|| self.wrong("rate", value, help))
    }

    fn pitch(&self, value: &str) -> Result<i16, Wrong> {
        let semitones = match value {
            "x-low" => -4.0,
            "low" => -2.0,
            "medium" | "default" => 0.0,
            "high" => 2.0,
            "x-high" => 4.0,
            _ => match (value.strip_suffix("st"), value.strip_suffix('%')) {
                (Some(number), _) => parse(number).unwrap_or(f64::NAN),
                (None, Some(percent)) if percent.starts_with(['+', '-']) => {
                    parse(percent).map_or(f64::NAN, |percent| 12.0 * (1.0 + percent / 100.0).log2())
                }
                _ => f64::NAN,
            },
        };
        let help = "write x-low, low, medium, high, x-high, or from -12st to +12st, or as `+10%`";
        scaled(semitones, -12.0..=12.0, 100.0).ok_or_else(|| self.wrong("pitch", value, help))
    }

    fn volume(&self, value: &str) -> Result<i16, Wrong> {
        let decibels = match value {
            "silent" => -100.0,
            "x-soft" => -12.0,
            "soft" => -6.0,
            "medium" | "default" => 0.0,
            "loud" => 4.0,
            "x-loud" => 8.0,
            _ => value.strip_suffix("dB").and_then(parse).filter(|db| *db >= -40.0).unwrap_or(f64::NAN),
        };
        let help = "write silent, x-soft, soft, medium, loud, x-loud, or from -40dB to +12dB";
        scaled(decibels, -100.0..=12.0, 100.0).ok_or_else(|| self.wrong("volume", value, help))
    }

    fn kind(&self) -> Result<Kind, Wrong> {
        let kinds = "the kinds are characters, digits, telephone, cardinal, ordinal, date, time, currency, fraction, unit \
                     and address";
        let Some(kind) = self.get("interpret-as") else {
            return Err(self.lacks(&format!("write `<say-as interpret-as=\"digits\">`; {kinds}")));
        };
        Ok(match kind {
            "characters" | "spell-out" | "verbatim" => Kind::Characters,
            "digits" => Kind::Digits,
            "telephone" => Kind::Telephone,
            "cardinal" | "number" => Kind::Cardinal,
            "ordinal" => Kind::Ordinal,
            "date" => Kind::Date(self.get("format").map(|format| self.order(format)).transpose()?),
            "time" => Kind::Time,
            "currency" => Kind::Currency,
            "fraction" | "unit" | "address" => Kind::Usual,
            other => return Err(self.wrong("kind", other, kinds)),
        })
    }

    fn order(&self, format: &str) -> Result<DateOrder, Wrong> {
        Ok(match format {
            "dmy" => DateOrder::Dmy,
            "mdy" => DateOrder::Mdy,
            "ymd" => DateOrder::Ymd,
            "dm" => DateOrder::Dm,
            "md" => DateOrder::Md,
            "my" => DateOrder::My,
            "ym" => DateOrder::Ym,
            "y" => DateOrder::Y,
            other => {
                return Err(self.wrong(
                    "format",
                    other,
                    "the formats are dmy, mdy, ymd, dm, md, my, ym and y",
                ));
            }
        })
    }

    fn sounds(&self) -> Result<String, Wrong> {
        let example = "write `<phoneme alphabet=\"ipa\" ph=\"təˈmɑːtəʊ\">tomato</phoneme>`";
        match self.get("alphabet") {
            None => {}
            Some(alphabet) if alphabet.eq_ignore_ascii_case("ipa") => {}
            Some(other) => {
                return Err(self.wrong("alphabet", other, &format!("the alphabet is `ipa`: {example}")));
            }
        }
        let sounds = self.get("ph").filter(|sounds| !sounds.is_empty() && !sounds.contains(['[', ']']));
        sounds.map(str::to_owned).ok_or_else(|| self.lacks(example))
    }
}

fn parse(number: &str) -> Option<f64> {
    let plain = |c: char| c.is_ascii_digit() || matches!(c, '.' | '+' | '-');
    number.trim().chars().all(plain).then(|| number.trim().parse().ok()).flatten()
}

/// The number in units of `1 / unit`, if it lies in `range`.
fn scaled(number: f64, range: std::ops::RangeInclusive<f64>, unit: f64) -> Option<i16> {
    range.contains(&number).then(|| (number * unit).round() as i16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(tag: &str) -> Result<Tag, String> {
        Tag::read(tag).map_err(|wrong| format!("{} | {}", wrong.message, wrong.help))
    }

    fn prosody(rate: u16, pitch: i16, volume: i16) -> How {
        How::Prosody(Prosody { rate, pitch, volume })
    }

    #[test]
    fn elements_say_how_their_text_is_said() {
        for (tag, how) in [
            ("emphasis", prosody(920, 50, 200)),
            ("emphasis level=\"strong\"", prosody(850, 100, 400)),
            ("emphasis level='none'", How::Prosody(Prosody::PLAIN)),
            ("prosody rate=\"slow\"", prosody(750, 0, 0)),
            ("prosody rate=\"50%\" pitch='+2st' volume = \"-6dB\"", prosody(500, 200, -600)),
            ("prosody rate=\"+10%\"", prosody(1_100, 0, 0)),
            ("prosody rate=\"-20%\"", prosody(800, 0, 0)),
            ("prosody pitch=\"+100%\"", prosody(1_000, 1_200, 0)),
            ("prosody pitch=\"x-low\" volume=\"silent\"", prosody(1_000, -400, -10_000)),
            ("say-as interpret-as=\"spell-out\"", How::As(Kind::Characters)),
            ("say-as interpret-as=\"date\" format=\"dmy\"", How::As(Kind::Date(Some(DateOrder::Dmy)))),
            ("phoneme alphabet=\"ipa\" ph=\"təˈmɑːtəʊ\"", How::Ipa("təˈmɑːtəʊ".into())),
            ("sub alias=\"World Wide Web\"", How::Alias("World Wide Web".into())),
        ] {
            let Ok(Tag::Open(_, read)) = read(tag) else { panic!("{tag}: {:?}", read(tag)) };
            assert_eq!(read, how, "{tag}");
        }
        assert_eq!(read("/say-as"), Ok(Tag::Close("say-as")));
        assert_eq!(read("sub"), Ok(Tag::Empty("sub")));
        assert_eq!(read("a href=\"https://example.org\""), Ok(Tag::Silent));
        assert_eq!(read("me@example.org"), Ok(Tag::Address));
        assert_eq!(read("br/"), Ok(Tag::LineEnd));
        assert_eq!(read("/p"), Ok(Tag::LineEnd));
    }

    #[test]
    fn mistakes_say_what_to_write() {
        for (tag, told) in [
            ("emphasys", "did you mean `<emphasis>`"),
            ("voice name=\"x\"", "[voice: onyx]"),
            ("name", "write `\\<`"),
            ("emphasis level=\"huge\"", "the levels are"),
            ("prosody", "does not say how"),
            ("prosody rate=\"5\"", "from 50% to 200%"),
            ("prosody pitch=\"200Hz\"", "from -12st to +12st"),
            ("prosody volume=\"90\"", "from -40dB to +12dB"),
            ("say-as", "the kinds are"),
            ("say-as interpret-as=\"expletive\"", "knows no kind `expletive`"),
            ("say-as interpret-as=\"date\" format=\"dym\"", "the formats are"),
            ("phoneme ph=\"\"", "alphabet=\"ipa\""),
            ("phoneme alphabet=\"x-sampa\" ph=\"t\"", "the alphabet is `ipa`"),
        ] {
            let error = read(tag).unwrap_err();
            assert!(error.contains(told), "{tag}: {error}");
        }
    }
}
