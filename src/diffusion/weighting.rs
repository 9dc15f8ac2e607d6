//! Prompts with weights, as people write them for Stable Diffusion: `(word:1.3)`.
//!
//! `(x)` multiplies the weight of x by 1.1, `[x]` divides by 1.1, `(x:w)` multiplies by w; they nest.
//! A backslash makes the bracket after it text.

/// A stretch of a prompt and how much it counts; 1 is as usual.
#[derive(Debug, Clone, PartialEq)]
pub struct Weighted {
    /// The words.
    pub text: String,
    /// Their weight.
    pub weight: f64,
}

const ROUND: f64 = 1.1;
const SQUARE: f64 = 1.0 / 1.1;

/// Reads the weights out of `prompt`; at least one part comes back.
pub fn weights(prompt: &str) -> Vec<Weighted> {
    let mut parts: Vec<Weighted> = Vec::new();
    // Where the brackets that are open begin, as numbers of parts.
    let (mut round, mut square) = (Vec::new(), Vec::new());
    let mut rest = prompt;
    let multiply = |parts: &mut Vec<Weighted>, from: usize, by: f64| {
        parts[from..].iter_mut().for_each(|part| part.weight *= by);
    };
    let text = |parts: &mut Vec<Weighted>, text: &str| {
        parts.push(Weighted { text: text.to_owned(), weight: 1.0 });
    };
    while let Some(next) = rest.chars().next() {
        let mut taken = next.len_utf8();
        match next {
            '\\' => {
                let escaped = rest[1..].chars().next().filter(|c| "()[]\\".contains(*c));
                if let Some(escaped) = escaped {
                    text(&mut parts, escaped.encode_utf8(&mut [0; 4]));
                    taken += 1;
                }
            }
            '(' => round.push(parts.len()),
            '[' => square.push(parts.len()),
            ')' if !round.is_empty() => {
                let from = round.pop().unwrap_or(0);
                multiply(&mut parts, from, ROUND);
            }
            ']' if !square.is_empty() => {
                let from = square.pop().unwrap_or(0);
                multiply(&mut parts, from, SQUARE);
            }
            ':' if !round.is_empty() && number(rest).is_some() => {
                let (weight, length) = number(rest).unwrap_or((1.0, 1));
                let from = round.pop().unwrap_or(0);
                multiply(&mut parts, from, weight);
                taken = length;
            }
            _ => {
                let end = rest[taken..].find(|c| "\\()[]:".contains(c)).map_or(rest.len(), |at| at + taken);
                text(&mut parts, &rest[..end]);
                taken = end;
            }
        }
        rest = &rest[taken..];
    }
    round.into_iter().for_each(|from| multiply(&mut parts, from, ROUND));
    square.into_iter().for_each(|from| multiply(&mut parts, from, SQUARE));
    merge(parts)
}

/// `:1.3)` at the start of `text`: the number, and how long all of it is.
fn number(text: &str) -> Option<(f64, usize)> {
    let inside = text.strip_prefix(':')?;
    let end = inside.find(')')?;
    let digits = inside[..end].trim_matches(|c: char| c.is_whitespace());
    let unsigned = digits.strip_prefix(['+', '-']).unwrap_or(digits);
    let right = unsigned.chars().all(|c| c.is_ascii_digit() || c == '.')
        && unsigned.contains(|c: char| c.is_ascii_digit())
        && unsigned.matches('.').count() <= 1;
    Some((right.then(|| digits.parse().ok())??, end + 2))
}

fn merge(parts: Vec<Weighted>) -> Vec<Weighted> {
    let mut merged: Vec<Weighted> = Vec::new();
    for part in parts {
        match merged.last_mut() {
            Some(last) if last.weight == part.weight => last.text += &part.text,
            _ => merged.push(part),
        }
    }
    if merged.is_empty() {
        merged.push(Weighted { text: String::new(), weight: 1.0 });
    }
    merged
}
