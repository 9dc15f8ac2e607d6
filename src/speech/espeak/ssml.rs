//! An utterance as SSML, one mark before each token.

use std::fmt::Write;

use super::super::Token;

/// Writes the tokens that have something to speak, each behind a mark named by its index.
pub(super) fn ssml(tokens: &[Token]) -> String {
    let mut ssml = String::from("<speak>");
    for (index, token) in tokens.iter().enumerate().filter(|(_, token)| !token.spoken.is_empty()) {
        if token.space_before {
            ssml.push(' ');
        }
        let _ = write!(ssml, "<mark name=\"{index}\"/>");
        for c in token.spoken.chars() {
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
        let tokens = [token("<b>&\"\0", false), token("", true), token("next.", true)];
        assert_eq!(
            ssml(&tokens),
            "<speak><mark name=\"0\"/>&lt;b&gt;&amp;&quot;  <mark name=\"2\"/>next.</speak>"
        );
    }
}
