//! An utterance as SSML, one mark before each token.

use std::fmt::Write;

use super::super::{Token, ipa::for_espeak};

/// Writes the tokens that have something to speak, each behind a mark named by its index.
pub(super) fn ssml(tokens: &[Token]) -> String {
    let mut ssml = String::from("<speak>");
    let mut stopped = false;
    for (index, token) in tokens.iter().enumerate().filter(|(_, token)| !token.spoken.is_empty()) {
        if token.space_before {
            // Behind a full stop espeak-ng loses the mark of the next sentence unless a line ends
            // there; before a small letter the stop is an abbreviation's, which a line would break.
            let sentence = stopped && !token.spoken.starts_with(char::is_lowercase);
            ssml.push(if sentence { '\n' } else { ' ' });
        }
        stopped = token.spoken.ends_with('.');
        let _ = write!(ssml, "<mark name=\"{index}\"/>");
        for c in for_espeak(&token.spoken).chars() {
            match c {
                '&' => ssml.push_str("&amp;"),
                '<' => ssml.push_str("&lt;"),
                '>' => ssml.push_str("&gt;"),
                '"' => ssml.push_str("&quot;"),
                c if c.is_control() => ssml.push(' '),
                c => ssml.push(c),
            }
        }
    }
    ssml.push_str("</speak>");
    ssml
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_the_text_stays_text() {
        let token =
            |spoken: &str, space_before| Token { text: spoken.into(), spoken: spoken.into(), space_before };
        let tokens = [
            token("<b>&\"\0", false),
            token("", true),
            token("z.B.", true),
            token("so.", true),
            token("Then", true),
        ];
        assert_eq!(
            ssml(&tokens),
            "<speak><mark name=\"0\"/>&lt;b&gt;&amp;&quot;  <mark name=\"2\"/>z.B. \
             <mark name=\"3\"/>so.\n<mark name=\"4\"/>Then</speak>"
        );
    }
}
