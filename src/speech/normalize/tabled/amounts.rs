//! Money, percent, and what is measured in units.

use super::{super::Reading, reader::Context};

impl Context<'_> {
    pub(super) fn percent(&self) -> Option<String> {
        let number =
            self.core().strip_suffix('%').filter(|number| numeric(number.trim_start_matches(['-', '+'])))?;
        if let Some(before) = &self.table.percent_before {
            return Some(format!("{before}{number}"));
        }
        let percent = self.table.signs.get("%")?;
        Some(format!("{number}{}{percent}", self.table.space()))
    }

    pub(super) fn money(&self) -> Option<String> {
        let core = self.core();
        // A sign that is part of a longer one is not meant: `$` in `R$`.
        let signs = self.table.currencies.iter().filter(|(sign, _)| core.contains(sign.as_str()));
        let (sign, [one, many]) = signs.max_by_key(|(sign, _)| sign.len())?;
        let rest = core.strip_prefix(sign.as_str()).or_else(|| core.strip_suffix(sign.as_str()))?;
        let space = self.table.space();
        if let (true, Some(number)) = (rest.is_empty(), self.amount_after(sign)) {
            return Some(number.to_owned());
        }
        // `5 M€`: what multiplies stands with the sign.
        if let Some(times) = self.table.multipliers.get(rest).filter(|_| self.previous().is_some_and(numeric))
        {
            return Some(joined(times, many));
        }
        if rest.is_empty() {
            let previous = self.previous()?;
            let counted = numeric(previous)
                || self.table.multipliers.keys().any(|name| name.eq_ignore_ascii_case(previous))
                || self.table.multipliers.values().any(|words| words.split(' ').next() == Some(previous));
            return counted.then(|| if previous == "1" { one.clone() } else { many.clone() });
        }
        let (number, times, single) = self.number(rest)?;
        // `1.250,50` and `1.250` are not one; `$1,5` is many.
        let name = if single { one } else { many };
        Some(match times {
            Some(times) => format!("{number} {}", joined(times, name)),
            None => format!("{number}{space}{name}"),
        })
    }

    /// The number, the words between it and its unit, and whether it is one.
    fn number<'t>(&self, text: &'t str) -> Option<(&'t str, Option<&str>, bool)> {
        if numeric(text) {
            return Some((text, None, text == "1"));
        }
        let end = text.rfind(|c: char| c.is_ascii_digit())? + 1;
        let (number, letters) = text.split_at(end);
        let words = self
            .table
            .multipliers
            .get(letters)
            .or_else(|| self.table.multipliers.get(&letters.to_lowercase()));
        numeric(number).then_some(())?;
        Some((number, Some(words?), false))
    }

    /// The number behind a sign that stands alone before it, `R$ 50`: the sign says the number.
    fn amount_after(&self, sign: &str) -> Option<&str> {
        let counted = self.previous().is_some_and(numeric);
        let plain = self.tail().is_empty() && self.core() == sign && !counted;
        self.next().filter(|next| plain && numeric(next))
    }

    /// The number of `R$ 50` says what it counts.
    pub(super) fn behind_sign(&self) -> Option<String> {
        let before = self.at.checked_sub(1)?;
        let [one, many] = self.table.currencies.get(&self.words[before].core)?;
        Context { at: before, ..*self }.amount_after(&self.words[before].core)?;
        Some(if self.core() == "1" { one.clone() } else { many.clone() })
    }

    /// The `Mio.` of `5 Mio.`
    pub(super) fn multiplier(&self) -> Option<Reading> {
        let (table, core) = (self.table, self.core());
        let words = table.multipliers.get(core).or_else(|| table.multipliers.get(&core.to_lowercase()))?;
        self.previous().filter(|previous| numeric(previous))?;
        // `de`, `di`: only before what is counted.
        let counts = self.next().is_some_and(|next| table.currencies.contains_key(next));
        let words = if counts { words } else { words.split(' ').next().unwrap_or(words) };
        Some(Reading { words: words.to_owned(), takes_sign: self.tail().starts_with('.') })
    }

    /// `5km`, and the `km` of `5 km`.
    pub(super) fn unit(&self) -> Option<String> {
        let table = self.table;
        let core = self.core();
        if let Some([one, many]) = table.units.get(core)
            && self.previous().is_some_and(numeric)
        {
            return Some(if self.previous() == Some("1") { one.clone() } else { many.clone() });
        }
        let end = core.rfind(|c: char| c.is_ascii_digit())? + 1;
        let (number, letters) = core.split_at(end);
        if !numeric(number.trim_start_matches(['-', '+', '~'])) {
            return None;
        }
        if let Some([one, many]) = table.units.get(letters) {
            return Some(format!("{number} {}", if number == "1" { one } else { many }));
        }
        if let Some(sign) = table.signs.get(letters).filter(|_| matches!(letters, "°" | "+" | "‰")) {
            return Some(format!("{number} {sign}"));
        }
        let times =
            table.multipliers.get(letters).filter(|_| letters.chars().count() == 1 && letters != "m")?;
        Some(format!("{number} {}", times.split(' ').next().unwrap_or(times)))
    }
}

/// `millions de` and `euros`: `millions d'euros`.
fn joined(times: &str, name: &str) -> String {
    match times.strip_suffix(" de") {
        Some(stem @ ("millions" | "milliards")) if name.starts_with(['a', 'e', 'i', 'o', 'u']) => {
            format!("{stem} d'{name}")
        }
        _ => format!("{times} {name}"),
    }
}

/// Whether it is a number, with points and commas at most.
pub(super) fn numeric(text: &str) -> bool {
    let digit = |c: char| c.is_ascii_digit();
    text.starts_with(digit) && text.ends_with(digit) && text.chars().all(|c| digit(c) || ".,".contains(c))
}
