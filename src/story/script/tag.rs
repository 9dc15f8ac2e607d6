//! What stands between `<` and `>`: HTML, which is taken out, and the SSML that is heard.

use super::{
    attributes::Attributes,
    directive::{Directive, Wrong},
    saying::How,
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
                (false, false) => opened(known, &attributes),
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

/// The element that begins with these attributes.
fn opened(element: &'static str, attributes: &Attributes<'_>) -> Result<Tag, Wrong> {
    Ok(match element {
        "emphasis" => Tag::Open(element, How::Prosody(attributes.emphasis()?)),
        "prosody" => Tag::Open(element, How::Prosody(attributes.prosody()?)),
        "say-as" => Tag::Open(element, How::As(attributes.kind()?)),
        "phoneme" => Tag::Open(element, How::Ipa(attributes.sounds()?)),
        _ => match attributes.get("alias") {
            Some("") => {
                return Err(attributes.lacks("write `<sub alias=\"what is said\">what is shown</sub>`"));
            }
            Some(alias) => Tag::Open(element, How::Alias(alias.to_owned())),
            None => Tag::Empty(element),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::{
        super::saying::{DateOrder, Kind, Prosody},
        *,
    };

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
