//! Which words stand on screen together, and how long.

use super::phrases;
use crate::story::{CaptionStyle, Cue, CueWord, Span, Time, WordTiming};

/// What a cue may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CueRules {
    /// The most words in one, at least 1.
    pub max_words: usize,
    /// The most characters in one, unless a single word is longer.
    pub max_chars: usize,
}

impl CueRules {
    /// What suits `style`.
    pub fn of(style: CaptionStyle) -> Self {
        let (max_words, max_chars) = match style {
            CaptionStyle::Pop => (2, 12),
            CaptionStyle::Highlight | CaptionStyle::Box | CaptionStyle::Off => (4, 24),
            CaptionStyle::Karaoke => (6, 32),
            CaptionStyle::Typewriter => (6, 36),
            CaptionStyle::Clean => (7, 40),
        };
        Self { max_words, max_chars }
    }
}

/// A cue comes this much before its first word, so that the eye is there in time.
const LEAD: f64 = 0.08;
/// Cues no farther apart than this follow each other without a gap; the last word is held as long.
const HOLD: f64 = 0.3;
/// A silence that divides words for good.
const PAUSE: f64 = 0.3;

/// Groups `words` into cues: at the ends of sentences, at pauses and at `boundaries` (the scenes'
/// first moments) always, at commas if it can, and otherwise into chunks of about equal length.
pub fn cues<'a>(
    words: impl Iterator<Item = &'a WordTiming>,
    boundaries: &[Time],
    rules: CueRules,
) -> Vec<Cue> {
    let words: Vec<&WordTiming> = words.filter(|word| !word.text.trim().is_empty()).collect();
    let mut cues = Vec::new();
    let mut start = 0;
    for end in 1..=words.len() {
        if end == words.len() || divides(words[end - 1], words[end], boundaries) {
            let phrases = phrases(&words[start..end]);
            let mut from = 0;
            for count in chunks(&phrases, rules) {
                cues.push(cue(&phrases[from..from + count].concat()));
                from += count;
            }
            start = end;
        }
    }
    time(&mut cues, boundaries);
    cues
}

/// Whether two neighbouring words can never share a cue.
fn divides(before: &WordTiming, after: &WordTiming, boundaries: &[Time]) -> bool {
    let crossed = boundaries.iter().any(|&b| before.span.start < b && b <= after.span.start);
    let pause = after.span.start.since(before.span.end).seconds() > PAUSE;
    crossed || pause || ends_with(&before.text, &['.', '!', '?', '…', '。', '！', '？', '؟', '।', '۔'])
}

/// Whether `word` ends with one of `marks`, closing quotes and brackets aside.
fn ends_with(word: &str, marks: &[char]) -> bool {
    word.trim_end_matches(['"', '\'', '”', '’', '»', '“', ')', ']', '」', '』', '）']).ends_with(marks)
}

/// Words without spaces joined to phrases; every other word is one of its own.
fn phrases<'a>(words: &[&'a WordTiming]) -> Vec<Vec<&'a WordTiming>> {
    let mut phrases: Vec<Vec<&WordTiming>> = Vec::new();
    for &word in words {
        let clings = |before: &&WordTiming| !word.space_before && phrases::cling(&before.text, &word.text);
        match phrases.last_mut().filter(|phrase| phrase.last().is_some_and(clings)) {
            Some(phrase) => phrase.push(word),
            None => phrases.push(vec![word]),
        }
    }
    phrases
}

/// The numbers of phrases into which they are best divided: the cheapest way, by dynamic programming.
fn chunks(phrases: &[Vec<&WordTiming>], rules: CueRules) -> Vec<usize> {
    // For each number of phrases: the least cost of dividing them, and the last chunk's length.
    let mut best = vec![(0.0f64, 0usize)];
    for end in 1..=phrases.len() {
        let choices = (1..=rules.max_words.clamp(1, end)).map(|length| {
            let chunk = &phrases[end - length..end];
            (best[end - length].0 + cost(chunk, end < phrases.len(), rules, phrases.len()), length)
        });
        let choice = choices.min_by(|a, b| a.0.total_cmp(&b.0));
        best.push(choice.unwrap_or((0.0, 1)));
    }
    let mut lengths = Vec::new();
    let mut end = phrases.len();
    while end > 0 {
        lengths.push(best[end].1);
        end -= best[end].1;
    }
    lengths.reverse();
    lengths
}

/// How badly `chunk` reads as a cue of its own; `goes_on` says that more follows, `total` how many phrases
/// there are in all.
fn cost(chunk: &[Vec<&WordTiming>], goes_on: bool, rules: CueRules, total: usize) -> f64 {
    let letters: usize = chunk.iter().flatten().map(|word| letters(word)).sum();
    // Each cue costs something; uneven lengths cost by their square.
    let share = letters as f64 / rules.max_chars as f64;
    let mut cost = 1.0 + (1.0 - share).max(0.0).powi(2);
    if letters > rules.max_chars && chunk.len() > 1 {
        cost += 20.0 * (share - 0.9);
    }
    if chunk.len() == 1 && total > 1 && rules.max_words > 2 && letters < 8 {
        cost += 2.0;
    }
    let pauses = |phrase: &&Vec<&WordTiming>| {
        let last = phrase.last().map_or("", |word| word.text.as_str());
        ends_with(last, &[',', ';', ':', '—', '–', '，', '、', '،'])
    };
    cost += 0.6 * chunk[..chunk.len() - 1].iter().filter(pauses).count() as f64;
    // "of the | house": little words belong to what follows.
    if goes_on
        && let Some(last) = chunk.last().and_then(|phrase| phrase.last())
        && last.space_before
        && last.text.chars().count() <= 3
        && last.text.chars().all(char::is_lowercase)
    {
        cost += 0.35;
    }
    cost
}

/// How many letters wide a word is with the space before it.
fn letters(word: &WordTiming) -> usize {
    let wide = |c: char| if phrases::is_wide(c) { 2 } else { 1 };
    word.text.chars().map(wide).sum::<usize>() + usize::from(word.space_before)
}

fn cue(words: &[&WordTiming]) -> Cue {
    let span = Span::new(words[0].span.start, words[words.len() - 1].span.end);
    let word = |(i, word): (usize, &&WordTiming)| CueWord {
        text: word.text.trim().to_owned(),
        span: word.span,
        space_before: i > 0 && word.space_before,
    };
    Cue { span, words: words.iter().enumerate().map(word).collect() }
}

/// Lets each cue come a little early and stay a little, but never over a boundary or another cue.
fn time(cues: &mut [Cue], boundaries: &[Time]) {
    let (lead, hold) = (Time::from_seconds(LEAD), Time::from_seconds(HOLD));
    for i in 0..cues.len() {
        let spoken = cues[i].span;
        let scene = boundaries.iter().copied().filter(|&b| b <= spoken.start).max().unwrap_or(Time::ZERO);
        let scene_end = boundaries.iter().copied().filter(|&b| b > spoken.start).min();
        let before = i.checked_sub(1).map_or(Time::ZERO, |before| cues[before].span.end);
        // What is heard within a third of a second is on the very first frame.
        let early = if i == 0 && spoken.start <= hold { Time::ZERO } else { spoken.start.since(lead) };
        let start = early.max(scene).max(before.min(spoken.start));
        if let Some(before) = i.checked_sub(1).map(|before| &mut cues[before])
            && start.since(before.span.end) <= hold
            && before.span.end >= scene
        {
            before.span.end = start;
        }
        let next = cues.get(i + 1).map(|next| next.span.start.since(lead).max(spoken.end));
        let end = (spoken.end + hold).max(start + Time(1));
        let end = scene_end.map_or(end, |scene_end| end.min(scene_end));
        cues[i].span = Span::new(start, next.map_or(end, |next| end.min(next)).max(start + Time(1)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::TimingQuality;
    use proptest::prelude::*;

    fn spoken(words: &[&str], gaps: &[f64]) -> Vec<WordTiming> {
        let mut at = 0.2;
        let word = |(i, text): (usize, &&str)| {
            let span = Span::new(Time::from_seconds(at), Time::from_seconds(at + 0.25));
            at += 0.25 + gaps.get(i).copied().unwrap_or(0.02);
            WordTiming {
                text: (*text).to_owned(),
                spoken: (*text).to_owned(),
                span,
                space_before: true,
                quality: TimingQuality::Exact,
            }
        };
        words.iter().enumerate().map(word).collect()
    }

    fn texts(cues: &[Cue]) -> Vec<String> {
        let text = |cue: &Cue| cue.words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
        cues.iter().map(text).collect()
    }

    fn divided(text: &str, style: CaptionStyle) -> Vec<String> {
        let words: Vec<&str> = text.split(' ').collect();
        texts(&cues(spoken(&words, &[]).iter(), &[], CueRules::of(style)))
    }

    #[test]
    fn sentences_and_clauses_divide() {
        assert_eq!(
            divided("It was late. Nobody saw the old man, but he saw them.", CaptionStyle::Highlight),
            ["It was late.", "Nobody saw", "the old man,", "but he saw them."]
        );
    }

    #[test]
    fn no_short_word_is_left_alone() {
        let cues =
            divided("they walked for seven days and came home again by the sea", CaptionStyle::Highlight);
        let alone = cues.iter().filter(|cue| !cue.contains(' ') && cue.chars().count() < 8).count();
        assert_eq!(alone, 0, "{cues:?}");
    }

    #[test]
    fn pop_shows_one_word_or_two() {
        let cues = divided("it is the extraordinary story of a man", CaptionStyle::Pop);
        assert!(cues.iter().all(|cue| cue.split(' ').count() <= 2), "{cues:?}");
        assert!(cues.contains(&String::from("extraordinary")), "{cues:?}");
    }

    /// The cues of words that bars divide, as speech hands them over, each cue with its words.
    fn unspaced(text: &str, style: CaptionStyle) -> Vec<String> {
        let mut words = spoken(&text.split('|').collect::<Vec<_>>(), &[]);
        words.iter_mut().for_each(|word| word.space_before = false);
        cues(words.iter(), &[], CueRules::of(style))
            .iter()
            .map(|cue| cue.words.iter().map(|word| word.text.as_str()).collect())
            .collect()
    }

    #[test]
    fn no_phrase_of_an_unspaced_script_is_divided() {
        let leaning = ["が", "は", "を", "の", "た", "ました", "了", "的", "ครับ"];
        for text in [
            "静か|な|山|が|答える|と|は|誰|も|思わ|なかっ|た。",
            "灯台|の|光|は|毎晩、|暗い|海|を|照らし|ます。",
            "没有|人|想到，|安静|的|大山|会|回答|了。",
            "ภูเขา|ที่นี่|สวย|มาก|ครับ",
        ] {
            for style in [CaptionStyle::Pop, CaptionStyle::Highlight, CaptionStyle::Karaoke] {
                let cues = unspaced(text, style);
                assert_eq!(cues.concat(), text.replace('|', ""));
                for cue in &cues {
                    let bare = cue.trim_end_matches(['。', '，', '、']);
                    assert!(!leaning.contains(&bare), "{style:?}: {cues:?}");
                    assert!(!leaning.iter().any(|word| bare.starts_with(word)), "{style:?}: {cues:?}");
                    // A wide letter is two: what fits a line of Latin letters fits one of these.
                    assert!(cue.chars().count() <= CueRules::of(style).max_chars, "{style:?}: {cues:?}");
                }
            }
        }
        assert_eq!(
            unspaced("静か|な|山|が|答える|と|は|誰|も|思わ|なかっ|た。", CaptionStyle::Pop),
            ["静かな山が", "答えるとは", "誰も", "思わなかった。"]
        );
    }

    #[test]
    fn no_words_no_cues() {
        assert!(cues([].iter(), &[], CueRules::of(CaptionStyle::Clean)).is_empty());
    }

    #[test]
    fn a_short_gap_is_bridged_and_a_long_one_is_not() {
        let words = spoken(&["One.", "Two.", "Three."], &[0.25, 2.0]);
        let cues = cues(words.iter(), &[], CueRules::of(CaptionStyle::Highlight));
        assert_eq!(cues[0].span.start, Time::ZERO, "what is heard at once is on the first frame");
        assert_eq!(cues[0].span.end, cues[1].span.start);
        assert!(cues[2].span.start.since(cues[1].span.end).seconds() > 1.0);
    }

    proptest! {
        #[test]
        fn cues_hold_all_words_in_order_and_never_meet_a_boundary(
            words in prop::collection::vec(("[a-zA-Z]{1,14}[,.!?]?", 0.0f64..0.9), 1..60),
            cuts in prop::collection::vec(0usize..60, 0..6),
            style in 0usize..5,
        ) {
            let styles = [CaptionStyle::Highlight, CaptionStyle::Karaoke, CaptionStyle::Box, CaptionStyle::Pop, CaptionStyle::Clean];
            let rules = CueRules::of(styles[style]);
            let (names, gaps): (Vec<&str>, Vec<f64>) = words.iter().map(|(w, gap)| (w.as_str(), *gap)).unzip();
            let timings = spoken(&names, &gaps);
            let mut boundaries: Vec<Time> =
                cuts.iter().filter_map(|&i| Some(timings.get(i + 1)?.span.start)).collect();
            boundaries.sort();
            let cues = cues(timings.iter(), &boundaries, rules);
            let kept: Vec<&str> = cues.iter().flat_map(|cue| &cue.words).map(|word| word.text.as_str()).collect();
            prop_assert_eq!(kept, names);
            for cue in &cues {
                prop_assert!(cue.words.len() <= rules.max_words);
                prop_assert!(cue.span.start < cue.span.end);
                prop_assert!(cue.span.start <= cue.words[0].span.start);
                prop_assert!(cue.span.end >= cue.words[cue.words.len() - 1].span.end);
                for &b in &boundaries {
                    prop_assert!(!(cue.span.start < b && b < cue.span.end), "{:?} over {:?}", cue.span, b);
                }
            }
            for pair in cues.windows(2) {
                prop_assert!(pair[0].span.end <= pair[1].span.start);
            }
        }
    }
}
