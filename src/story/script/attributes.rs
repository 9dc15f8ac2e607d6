//! What the attributes of a tag say: how its text is said.

use super::{
    directive::Wrong,
    saying::{DateOrder, Kind, Prosody},
};

/// The attributes of one tag.
pub(super) struct Attributes<'t> {
    /// The element's name.
    pub(super) element: &'t str,
    /// What stands behind it.
    pub(super) rest: &'t str,
}

impl<'t> Attributes<'t> {
    pub(super) fn get(&self, wanted: &str) -> Option<&'t str> {
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

    pub(super) fn lacks(&self, help: &str) -> Wrong {
        Wrong { message: format!("`<{}>` does not say how", self.element), help: help.to_owned() }
    }

    /// Slower and louder, as speech services understand it.
    pub(super) fn emphasis(&self) -> Result<Prosody, Wrong> {
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

    pub(super) fn prosody(&self) -> Result<Prosody, Wrong> {
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

    pub(super) fn kind(&self) -> Result<Kind, Wrong> {
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

    pub(super) fn sounds(&self) -> Result<String, Wrong> {
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
