//! Words of a sentence, and the forms under which a list may hold them.

/// Stands among the tokens where punctuation divides them.
pub(super) const DIVIDER: &str = ",";

/// The words of an English sentence, lower case, without possessive endings, and a [`DIVIDER`]
/// where punctuation stood.
pub(super) fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let lower = text.replace(['’', 'ʼ'], "'").to_lowercase();
    for chunk in lower.split(|c: char| c.is_whitespace() || matches!(c, '—' | '–' | '/' | '"' | '“' | '”'))
    {
        let divided = chunk.ends_with([',', '.', ';', ':', '!', '?', ')', '…']);
        for part in chunk.split(|c: char| !c.is_alphanumeric() && !matches!(c, '\'' | '-' | '.')) {
            let word = part.trim_matches(['\'', '-', '.']);
            let word = word.strip_suffix("'s").unwrap_or(word);
            if !word.is_empty() {
                tokens.push(word.to_owned());
            }
        }
        if divided && tokens.last().is_some_and(|last| last != DIVIDER) {
            tokens.push(DIVIDER.to_owned());
        }
    }
    tokens
}

/// The forms of an English word that a list may hold, the word itself first: `cities`, `city`.
pub(super) fn forms(word: &str) -> Vec<String> {
    let mut forms = vec![word.to_owned()];
    let mut add = |stem: &str, ending: &str| {
        let form = format!("{stem}{ending}");
        if form.len() >= 3 && !forms.contains(&form) {
            forms.push(form);
        }
    };
    if let Some(stem) = word.strip_suffix("ies") {
        add(stem, "y");
    }
    for (ending, replacements) in
        [("es", &["", "e"][..]), ("s", &[""]), ("ing", &["", "e"]), ("ed", &["", "e"]), ("ly", &[""])]
    {
        let Some(stem) = word.strip_suffix(ending).filter(|stem| stem.len() >= 3) else { continue };
        for replacement in replacements {
            add(stem, replacement);
        }
        // `running`, `stopped`: the doubled consonant is not the word's own.
        let mut letters = stem.chars().rev();
        if let (Some(last), Some(before)) = (letters.next(), letters.next())
            && last == before
            && matches!(ending, "ing" | "ed")
        {
            add(&stem[..stem.len() - last.len_utf8()], "");
        }
    }
    add(word, "s");
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_their_forms() {
        assert_eq!(
            tokens("The sailor’s boats -- \"U.S.\" well-known!"),
            ["the", "sailor", "boats", "u.s", ",", "well-known", ","]
        );
        for (word, form) in [
            ("cities", "city"),
            ("lighthouses", "lighthouse"),
            ("waves", "wave"),
            ("diving", "dive"),
            ("swimming", "swim"),
            ("sailed", "sail"),
            ("dune", "dunes"),
            ("boxes", "box"),
        ] {
            assert!(forms(word).contains(&form.to_owned()), "{word}: {:?}", forms(word));
        }
    }
}
