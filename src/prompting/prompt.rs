//! Writes a prompt that fits the text encoder.

/// A part of a prompt: the later in this list, the sooner it is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// Never left out.
    Subject,
    Character,
    StylePrefix,
    Named,
    Light,
    UserSuffix,
    Weather,
    StyleSuffix,
    Shot,
    Keyword,
}

/// The prompt, and what had to be left out of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) prompt: String,
    pub(super) left_out: Vec<String>,
    /// The tokens it takes.
    pub(super) tokens: usize,
}

/// Joins `parts` in their order with commas; the least important are left out until `count` of
/// the rest is at most `limit`. The subject stays, even where it alone is longer.
pub(super) fn write(parts: &[(Weight, &str)], count: &dyn Fn(&str) -> usize, limit: usize) -> Written {
    let mut parts: Vec<(Weight, &str)> = parts
        .iter()
        .map(|(weight, text)| (*weight, clean(text)))
        .filter(|(_, text)| !text.is_empty())
        .collect();
    let mut left_out = Vec::new();
    loop {
        let prompt = parts.iter().map(|(_, text)| *text).collect::<Vec<_>>().join(", ");
        let tokens = count(&prompt);
        let least = parts.iter().enumerate().max_by_key(|(at, (weight, _))| (*weight, *at)).map(|(at, _)| at);
        match least.filter(|at| tokens > limit && parts[*at].0 != Weight::Subject) {
            Some(at) => left_out.push(parts.remove(at).1.to_owned()),
            None => return Written { prompt, left_out, tokens },
        }
    }
}

/// The lists of what no picture shows, joined, each thing once, as far as they fit.
pub(super) fn negative(lists: &[&str], count: &dyn Fn(&str) -> usize, limit: usize) -> Written {
    let mut things: Vec<&str> = Vec::new();
    for thing in lists.iter().flat_map(|list| list.split(',')).map(clean) {
        if !thing.is_empty() && !things.iter().any(|known| known.eq_ignore_ascii_case(thing)) {
            things.push(thing);
        }
    }
    let mut left_out = Vec::new();
    loop {
        let prompt = things.join(", ");
        let tokens = count(&prompt);
        if tokens <= limit || things.is_empty() {
            return Written { prompt, left_out, tokens };
        }
        left_out.extend(things.pop().map(str::to_owned));
    }
}

fn clean(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, ',' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> usize {
        text.split_whitespace().count()
    }

    #[test]
    fn what_matters_least_is_left_out_first() {
        let parts = [
            (Weight::StylePrefix, "noir photograph"),
            (Weight::Subject, "a lighthouse on a cliff"),
            (Weight::Keyword, "beacon"),
            (Weight::Light, "at night,"),
            (Weight::Weather, ""),
            (Weight::StyleSuffix, "high contrast"),
        ];
        let all = write(&parts, &words, 77);
        assert_eq!(all.prompt, "noir photograph, a lighthouse on a cliff, beacon, at night, high contrast");
        assert_eq!(all.left_out, [""; 0]);
        let some = write(&parts, &words, 9);
        assert_eq!(some.prompt, "noir photograph, a lighthouse on a cliff, at night");
        assert_eq!(some.left_out, ["beacon", "high contrast"]);
        let least = write(&parts, &words, 2);
        assert_eq!((least.prompt.as_str(), least.tokens), ("a lighthouse on a cliff", 5));
    }

    #[test]
    fn what_no_picture_shows_is_said_once() {
        let written = negative(&["text, blurry", "Blurry, hands", ""], &words, 3);
        assert_eq!(written.prompt, "text, blurry, hands");
        assert_eq!(negative(&["a, b, c"], &words, 2).left_out, ["c"]);
        assert_eq!(negative(&["", " , "], &words, 2).prompt, "");
    }
}
