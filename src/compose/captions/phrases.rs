//! Where text without spaces may be divided: between phrases, never inside a word.
//!
//! Words come from ICU's dictionary (Chinese and Japanese) and its network (Thai). A phrase is a word with the
//! little words that lean on it: a Japanese particle or ending on what it follows, a Chinese negation on what
//! it denies.

use icu_segmenter::{
    LineSegmenter, WordSegmenter,
    options::{LineBreakOptions, WordBreakInvariantOptions},
};

/// What leans on the word before it: Japanese particles and endings, Chinese particles, Thai politeness.
const LEANING: &[&str] = &[
    // Of hiragana only those longer than two letters: shorter ones lean unless they are in `STANDING`.
    "なかっ",
    "なけれ",
    "ましょ",
    "ませ",
    "でしょ",
    "ました",
    "ません",
    "でした",
    "だった",
    "ている",
    "ていた",
    "てある",
    "でいる",
    "られる",
    "られた",
    "なかった",
    "でしょう",
    "だろう",
    "ください",
    "けれど",
    "けれども",
    "ながら",
    "ばかり",
    "という",
    "として",
    "について",
    "によって",
    "による",
    "にとって",
    "くらい",
    "ぐらい",
    "ころ",
    "までも",
    "ですが",
    "ますが",
    "のです",
    "のだ",
    "ないで",
    "さん",
    "さま",
    "くん",
    "ちゃん",
    "様",
    "氏",
    "達",
    "的",
    "化",
    "者",
    "家",
    "人",
    "性",
    "力",
    "了",
    "吗",
    "呢",
    "吧",
    "啊",
    "呀",
    "嘛",
    "着",
    "过",
    "们",
    "地",
    "得",
    "里",
    "上",
    "下",
    "中",
    "之",
    "嗎",
    "著",
    "過",
    "們",
    "裡",
    "ครับ",
    "ค่ะ",
    "คะ",
    "นะ",
    "จ้ะ",
    "ๆ",
    "แล้ว",
    "ด้วย",
];

/// Short hiragana words that begin a phrase.
const STANDING: &[&str] = &[
    "この",
    "その",
    "あの",
    "どの",
    "ここ",
    "そこ",
    "あそこ",
    "どこ",
    "これ",
    "それ",
    "あれ",
    "どれ",
    "また",
    "もう",
    "まだ",
    "いま",
    "とき",
    "なぜ",
    "だれ",
    "いつ",
    "やま",
    "うみ",
    "そら",
    "ひと",
    "みち",
    "いえ",
    "もし",
    "でも",
    "ただ",
    "さて",
];

/// What leans on the word after it.
const REACHING: &[&str] = &[
    "お",
    "ご",
    "不",
    "没",
    "沒",
    "很",
    "最",
    "太",
    "更",
    "再",
    "第",
    "这",
    "那",
    "這",
    "每",
    "各",
    "ไม่",
    "การ",
    "ความ",
    "ที่",
    "ผู้",
    "นัก",
];

/// Numerals: what they count goes with them.
const NUMERALS: &str = "0123456789０１２３４５６７８９一二三四五六七八九十百千万億两兩几幾";

/// Whether `before` and `after`, neighbours without a space, are one phrase.
pub(super) fn cling(before: &str, after: &str) -> bool {
    let (Some(last), Some(first)) = (before.chars().next_back(), after.chars().next()) else { return false };
    if !is_unspaced(last) || !is_unspaced(first) {
        return NUMERALS.contains(last) && is_unspaced(first);
    }
    let bare = after.trim_end_matches(|c: char| !c.is_alphanumeric() && !is_mark(c));
    let short = bare.chars().count() <= 2 && bare.chars().all(is_hiragana) && !STANDING.contains(&bare);
    let counted = before.chars().all(|c| NUMERALS.contains(c)) && bare.chars().count() == 1;
    (short && !bare.is_empty()) || LEANING.contains(&bare) || REACHING.contains(&before) || counted
}

/// Where a line of `text` may end, as bytes, its end included: as Unicode says (UAX 14), but never inside of a
/// word or a phrase.
pub(super) fn line_breaks(text: &str) -> Vec<usize> {
    let allowed = LineSegmenter::new_auto(LineBreakOptions::default());
    let allowed: Vec<usize> = allowed.segment_str(text).collect();
    if !text.chars().any(|c| is_unspaced(c) || is_hangul(c)) {
        return allowed;
    }
    let words: Vec<usize> =
        WordSegmenter::new_auto(WordBreakInvariantOptions::default()).segment_str(text).collect();
    let divides = |at: usize| {
        let (before, after) = text.split_at(at);
        let unspaced = |c: Option<char>| c.is_some_and(is_unspaced);
        // Korean has spaces, and reads better where lines end at them.
        let hangul = |c: Option<char>| c.is_some_and(is_hangul);
        if hangul(before.chars().next_back()) && hangul(after.chars().next()) {
            return false;
        }
        let digits = before.chars().next_back().is_some_and(|c| NUMERALS.contains(c));
        if !(unspaced(before.chars().next_back()) || digits) || !unspaced(after.chars().next()) {
            return true;
        }
        words.binary_search(&at).is_ok_and(|n| {
            let word = |n: usize| &text[words[n]..words[n + 1]];
            n == 0 || n + 1 == words.len() || !cling(word(n - 1), word(n))
        })
    };
    allowed.into_iter().filter(|&at| divides(at)).collect()
}

/// Letters about as wide as they are high, which count twice when letters are counted.
pub(super) fn is_wide(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{20000}'..='\u{3ffff}')
}

/// Letters of scripts that put no spaces between words.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{ff10}'..='\u{ff19}' | '\u{ff66}'..='\u{ff9f}' | '\u{20000}'..='\u{3ffff}')
}

fn is_hangul(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{11ff}' | '\u{ac00}'..='\u{d7a3}')
}

fn is_hiragana(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{309f}' | 'ー')
}

/// Vowel signs and tone marks of Thai, which are not alphanumeric.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{0e30}'..='\u{0e4e}' | '\u{0eb0}'..='\u{0ecd}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `text` with a bar wherever a line may end.
    fn barred(text: &str) -> String {
        let breaks = line_breaks(text);
        let mut barred = String::new();
        for (at, c) in text.char_indices() {
            if at > 0 && breaks.contains(&at) {
                barred.push('|');
            }
            barred.push(c);
        }
        barred
    }

    #[test]
    fn japanese_is_divided_between_phrases() {
        for text in [
            "静かな|山が|答えるとは|誰も|思わなかった。",
            "灯台の|光は|毎晩、|暗い|海を|照らします。",
            "１２人の|船員が|東京の|港へ|帰りました。",
            "古い|地図によると、|この|島には|誰も|住んで|いません。",
            "12人の|子供が|100円を|払った。",
        ] {
            assert_eq!(barred(&text.replace('|', "")), text);
        }
    }

    #[test]
    fn chinese_is_divided_between_words() {
        for text in ["没有人|想到，|安静的|大山|会|回答。", "渔夫|每天|晚上|都去|海边，|等待|回家的|船。"]
        {
            assert_eq!(barred(&text.replace('|', "")), text);
        }
    }

    #[test]
    fn thai_is_divided_between_words() {
        for text in ["ภูเขา|ที่นี่|สวย|มากครับ", "ประภาคาร|ส่อง|แสง|ใน|ทะเล"]
        {
            let barred = barred(&text.replace('|', ""));
            assert_eq!(barred, text);
        }
    }

    #[test]
    fn other_scripts_are_left_to_unicode() {
        assert_eq!(barred("the sea, at night"), "the |sea, |at |night");
        assert_eq!(barred("안녕 세상"), "안녕 |세상");
    }
}
