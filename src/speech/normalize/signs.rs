//! Money, percent and signs in other languages, where espeak-ng misreads them.
//!
//! espeak-ng reads `€5` as "euro five", and drops or reads in English what it does not
//! know. Numbers themselves stay digits: it reads those well.

use super::{Reading, word::Word};

/// The words of one language.
struct Names {
    /// Sign, name for one, name for many.
    currencies: &'static [(&'static str, &'static str, &'static str)],
    /// Empty where espeak-ng knows it.
    percent: &'static str,
    and: &'static str,
    plus: &'static str,
    equals: &'static str,
    /// Between a number and its currency.
    space: &'static str,
}

fn names(language: &str) -> Option<Names> {
    let spaced = Names { currencies: &[], percent: "", and: "", plus: "", equals: "", space: " " };
    Some(match language {
        "de" => Names {
            currencies: &[
                ("$", "Dollar", "Dollar"),
                ("€", "Euro", "Euro"),
                ("£", "Pfund", "Pfund"),
                ("¥", "Yen", "Yen"),
                ("₹", "Rupie", "Rupien"),
            ],
            and: "und",
            plus: "plus",
            equals: "gleich",
            ..spaced
        },
        "es" => Names {
            currencies: &[
                ("$", "dólar", "dólares"),
                ("€", "euro", "euros"),
                ("£", "libra", "libras"),
                ("¥", "yen", "yenes"),
                ("₹", "rupia", "rupias"),
            ],
            and: "y",
            plus: "más",
            equals: "igual a",
            ..spaced
        },
        "fr" => Names {
            currencies: &[
                ("$", "dollar", "dollars"),
                ("€", "euro", "euros"),
                ("£", "livre", "livres"),
                ("¥", "yen", "yens"),
                ("₹", "roupie", "roupies"),
            ],
            and: "et",
            plus: "plus",
            equals: "égale",
            ..spaced
        },
        "it" => Names {
            currencies: &[
                ("$", "dollaro", "dollari"),
                ("€", "euro", "euro"),
                ("£", "sterlina", "sterline"),
                ("¥", "yen", "yen"),
                ("₹", "rupia", "rupie"),
            ],
            percent: "per cento",
            and: "e",
            plus: "più",
            equals: "uguale",
            ..spaced
        },
        "pt" => Names {
            currencies: &[
                ("R$", "real", "reais"),
                ("$", "dólar", "dólares"),
                ("€", "euro", "euros"),
                ("£", "libra", "libras"),
                ("¥", "iene", "ienes"),
                ("₹", "rupia", "rupias"),
            ],
            and: "e",
            plus: "mais",
            equals: "igual a",
            ..spaced
        },
        "hi" => Names {
            currencies: &[
                ("₹", "रुपया", "रुपये"),
                ("$", "डॉलर", "डॉलर"),
                ("€", "यूरो", "यूरो"),
                ("£", "पाउंड", "पाउंड"),
                ("¥", "येन", "येन"),
            ],
            percent: "प्रतिशत",
            and: "और",
            plus: "जमा",
            equals: "बराबर",
            ..spaced
        },
        "ar" => Names {
            currencies: &[
                ("$", "دولار", "دولار"),
                ("€", "يورو", "يورو"),
                ("£", "جنيه", "جنيه"),
                ("¥", "ين", "ين"),
                ("₹", "روبية", "روبية"),
            ],
            percent: "بالمئة",
            and: "و",
            plus: "زائد",
            equals: "يساوي",
            ..spaced
        },
        "ja" => Names {
            currencies: &[
                ("$", "ドル", "ドル"),
                ("€", "ユーロ", "ユーロ"),
                ("£", "ポンド", "ポンド"),
                ("¥", "えん", "えん"),
                ("₹", "ルピー", "ルピー"),
            ],
            percent: "パーセント",
            and: "アンド",
            plus: "プラス",
            equals: "イコール",
            space: "",
        },
        "zh" | "cmn" => Names {
            currencies: &[
                ("$", "美元", "美元"),
                ("€", "欧元", "欧元"),
                ("£", "英镑", "英镑"),
                ("¥", "元", "元"),
                ("₹", "卢比", "卢比"),
            ],
            percent: "百分之",
            and: "和",
            plus: "加",
            equals: "等于",
            space: "",
        },
        _ => return None,
    })
}

/// How each of `words` is read; `language` is a primary subtag.
pub(super) fn read(words: &[Word], language: &str) -> Vec<Reading> {
    let names = names(language);
    let before = |at: usize| at.checked_sub(1).and_then(|at| words.get(at)).map(|word| word.core.as_str());
    let read = |(at, word): (usize, &Word)| {
        let read = names.as_ref().and_then(|names| names.read(&word.core, before(at)));
        Reading::from(read.unwrap_or_else(|| word.core.clone()))
    };
    words.iter().enumerate().map(read).collect()
}

impl Names {
    fn read(&self, core: &str, previous: Option<&str>) -> Option<String> {
        let numeric = |text: &str| {
            text.starts_with(|c: char| c.is_ascii_digit()) && text.ends_with(|c: char| c.is_ascii_digit())
        };
        let sign = match core {
            "&" => self.and,
            "+" => self.plus,
            "=" => self.equals,
            // `50 %`: Chinese says percent before the number, which is another word already.
            "%" if self.percent != "百分之" => self.percent,
            _ => "",
        };
        if !sign.is_empty() {
            return Some(sign.to_owned());
        }
        if let Some(number) =
            core.strip_suffix('%').filter(|number| numeric(number) && !self.percent.is_empty())
        {
            return Some(match self.percent {
                "百分之" => format!("百分之{number}"),
                percent => format!("{number}{}{percent}", self.space),
            });
        }
        let (sign, one, many) = self.currencies.iter().find(|(sign, ..)| core.contains(sign))?;
        let number = core.strip_prefix(sign).or_else(|| core.strip_suffix(sign))?;
        match (number, previous) {
            ("", Some(previous)) if numeric(previous) => {
                Some((*if previous == "1" { one } else { many }).to_owned())
            }
            (number, _) if numeric(number) => {
                Some(format!("{number}{}{}", self.space, if number == "1" { one } else { many }))
            }
            _ => None,
        }
    }
}
