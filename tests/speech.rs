//! Voices and the words they speak, on the real espeak-ng.

use proptest::prelude::*;
use shortform::{
    speech::{Error, Espeak, Speech, Token, Utterance, Voice, tokens, voice_of_language},
    story::{EspeakVoice, TimingQuality},
};

/// What is written, and what is spoken.
const ENGLISH: &[(&str, &str)] = &[
    // Cardinals, decimals, thousands.
    ("I have 3 cats.", "I have three cats."),
    ("It is 42.", "It is forty-two."),
    ("100 people", "one hundred people"),
    ("1,250 people", "one thousand two hundred fifty people"),
    ("1250 people", "one thousand two hundred fifty people"),
    ("12,345,678", "twelve million three hundred forty-five thousand six hundred seventy-eight"),
    ("3.14", "three point one four"),
    ("0.5", "zero point five"),
    (".5", "zero point five"),
    ("-5 outside", "minus five outside"),
    ("pi is 3.14159.", "pi is three point one four one five nine."),
    ("1,000,000", "one million"),
    ("code 0042", "code zero zero four two"),
    ("agent 007", "agent double oh seven"),
    // Ordinals.
    ("the 1st time", "the first time"),
    ("2nd, 3rd and 4th", "second, third and fourth"),
    ("the 21st century", "the twenty-first century"),
    ("her 100th video", "her one hundredth video"),
    ("the 12th.", "the twelfth."),
    // Years and decades.
    ("In 1984, it began.", "In nineteen eighty-four, it began."),
    ("in 2007", "in two thousand seven"),
    ("since 2010", "since twenty ten"),
    ("by 2000", "by two thousand"),
    ("in 1900", "in nineteen hundred"),
    ("in 1905", "in nineteen oh five"),
    ("In the 1990s", "In the nineteen nineties"),
    ("the '90s", "the nineties"),
    ("the 80s", "the eighties"),
    ("the 2000s", "the two thousands"),
    ("2024 was great", "twenty twenty-four was great"),
    ("in 1776", "in seventeen seventy-six"),
    ("2000 steps", "two thousand steps"),
    ("1950 soldiers", "one thousand nine hundred fifty soldiers"),
    ("1990-1995", "nineteen ninety to nineteen ninety-five"),
    ("2023-24", "twenty twenty-three to twenty-four"),
    ("mid-1990s fashion", "mid nineteen nineties fashion"),
    // Money.
    ("$5", "five dollars"),
    ("$1", "one dollar"),
    ("$5M", "five million dollars"),
    ("$5M,", "five million dollars,"),
    ("$5.5M", "five point five million dollars"),
    ("$1,250.50", "one thousand two hundred fifty dollars and fifty cents"),
    ("$0.99", "ninety-nine cents"),
    ("$0.01", "one cent"),
    ("$19.99", "nineteen dollars and ninety-nine cents"),
    ("$20.00", "twenty dollars"),
    ("€3bn", "three billion euros"),
    ("£20", "twenty pounds"),
    ("£1.01", "one pound and one penny"),
    ("20€", "twenty euros"),
    ("¥500", "five hundred yen"),
    ("₹100", "one hundred rupees"),
    ("$5 million", "five million dollars"),
    ("$1.2 billion.", "one point two billion dollars."),
    ("20 USD", "twenty dollars"),
    ("1 EUR", "one euro"),
    ("$20/month", "twenty dollars per month"),
    ("$10k", "ten thousand dollars"),
    ("-$5", "minus five dollars"),
    ("$100+", "one hundred dollars plus"),
    ("$5-10", "five to ten dollars"),
    ("$5-$10", "five dollars to ten dollars"),
    ("(about $3)", "about three dollars"),
    // Percent and units.
    ("50%", "fifty percent"),
    ("3.5%.", "three point five percent."),
    ("50 %", "fifty percent"),
    ("5-10%", "five to ten percent"),
    ("+5%", "plus five percent"),
    ("5km", "five kilometers"),
    ("5 km", "five kilometers"),
    ("1 km", "one kilometer"),
    ("70kg", "seventy kilograms"),
    ("60 mph", "sixty miles per hour"),
    ("20°C", "twenty degrees Celsius"),
    ("20 °F", "twenty degrees Fahrenheit"),
    ("90°", "ninety degrees"),
    ("120km/h", "one hundred twenty kilometers per hour"),
    ("16GB", "sixteen gigabytes"),
    ("16 GB of RAM", "sixteen gigabytes of ram"),
    ("100ms", "one hundred milliseconds"),
    ("5m tall", "five meters tall"),
    ("6 ft", "six feet"),
    ("3 million km", "three million kilometers"),
    ("30s", "thirties"),
    ("for 30s", "for thirty seconds"),
    ("15s", "fifteen seconds"),
    ("50 m²", "fifty square meters"),
    ("10K followers", "ten thousand followers"),
    ("5M views", "five million views"),
    ("a 4K video", "a four K video"),
    ("1080p", "ten eighty p"),
    ("60fps", "sixty frames per second"),
    ("5G and 3D", "five G and three D"),
    ("~10 minutes", "about ten minutes"),
    (">100", "more than one hundred"),
    // Times.
    ("7:30 pm", "seven thirty PM"),
    ("at 7:30.", "at seven thirty."),
    ("7:05", "seven oh five"),
    ("7:00", "seven o'clock"),
    ("7:00 a.m.", "seven AM."),
    ("7pm", "seven PM"),
    ("11:59PM", "eleven fifty-nine PM"),
    ("19:30", "nineteen thirty"),
    ("at 5 p.m. sharp", "at five PM sharp"),
    // Dates.
    ("12/25", "December twenty-fifth"),
    ("12/25/2024", "December twenty-fifth, twenty twenty-four"),
    ("2024-11-21", "November twenty-first, twenty twenty-four"),
    ("Nov 21", "November twenty-first"),
    ("Nov. 21, 2024", "November twenty-first, twenty twenty-four"),
    ("November 3", "November third"),
    ("on July 4th.", "on July fourth."),
    ("21 November", "twenty-first of November"),
    ("March 2020", "March twenty twenty"),
    ("May I go?", "May I go?"),
    // Telephone numbers.
    ("Call 555-1234.", "Call five five five, one two three four."),
    ("555-123-4567", "five five five, one two three, four five six seven"),
    ("(555) 123-4567", "five five five one two three, four five six seven"),
    ("+1-555-123-4567", "plus one, five five five, one two three, four five six seven"),
    ("Call 911!", "Call nine one one!"),
    // Ranges, fractions, ratios, versions.
    ("10-20", "ten to twenty"),
    ("10–20 people", "ten to twenty people"),
    ("10 - 20", "ten to twenty"),
    ("1/2", "one half"),
    ("3/4 cup", "three quarters cup"),
    ("2/3", "two thirds"),
    ("1 1/2 cups", "one and one half cups"),
    ("2½ hours", "two and a half hours"),
    ("½", "one half"),
    ("8/10", "eight out of ten"),
    ("9:16", "nine sixteen"),
    ("version 1.2.3", "version one point two point three"),
    // Abbreviations.
    ("Dr. Smith costs $5.", "Doctor Smith costs five dollars."),
    ("Elm Dr.", "Elm Drive."),
    ("St. John", "Saint John"),
    ("Main St. is long", "Main Street is long"),
    ("Mr. and Mrs. Jones", "Mister and Missus Jones"),
    ("cats vs. dogs", "cats versus dogs"),
    ("fruit, e.g. apples", "fruit, for example apples"),
    ("i.e., now", "that is, now"),
    ("cats, dogs, etc.", "cats, dogs, et cetera."),
    ("No. 5", "number five"),
    ("No. Never.", "No. Never."),
    ("the U.S. economy", "the US economy"),
    ("J. Smith", "J Smith"),
    ("Apple Inc. grew", "Apple Incorporated grew"),
    ("It was me. I.", "It was me. I."),
    // Acronyms are left to the engine.
    ("NASA and the FBI", "NASA and the FBI"),
    // Signs.
    ("A & B", "A and B"),
    ("Q&A", "Q and A"),
    ("2 + 2 = 4", "two plus two equals four"),
    ("C++ and C#", "C plus plus and C sharp"),
    ("#1", "number one"),
    ("# 5", "number five"),
    ("he/she", "he she"),
    ("w/ cheese", "with cheese"),
    ("24/7", "twenty-four seven"),
    ("A → B", "A to B"),
    ("1920x1080", "one thousand nine hundred twenty by one thousand eighty"),
    ("**bold** and _soft_", "bold and soft"),
    // The net.
    ("example.com", "example dot com"),
    ("https://www.example.org/a-b", "W W W dot example dot org slash a dash b"),
    ("me@example.com", "me at example dot com"),
    ("#LearnOnTikTok", "hashtag Learn On Tik Tok"),
    ("#fyp", "hashtag fyp"),
    ("@nasa", "at nasa"),
    // Roman numerals.
    ("World War II", "World War two"),
    ("Henry VIII", "Henry the eighth"),
    ("Chapter IV", "Chapter four"),
    ("I am a vitamin C fan", "I am a vitamin C fan"),
    // Compounds.
    ("COVID-19", "COVID nineteen"),
    ("a 20-year-old", "a twenty year old"),
    ("GPT-4", "GPT four"),
    ("B2B", "B two B"),
    ("state-of-the-art", "state-of-the-art"),
    ("don't", "don't"),
    // Punctuation and emoji.
    ("Really?!", "Really?"),
    ("Wait... what?", "Wait, what?"),
    ("So — yes", "So, yes"),
    ("Wow 🎉🎉!", "Wow!"),
    ("🔥 Hot", "Hot"),
    ("\"Hello,\" she said.", "Hello, she said."),
    ("🎉", ""),
];

fn spoken(text: &str, language: &str) -> String {
    let words = tokens(text, language).into_iter().map(|token| token.spoken);
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[test]
fn english_is_spoken_as_people_say_it() {
    assert!(ENGLISH.len() >= 120);
    let wrong: Vec<String> = ENGLISH
        .iter()
        .map(|(written, expected)| (written, spoken(written, "en-US"), expected))
        .filter(|(_, said, expected)| said != *expected)
        .map(|(written, said, expected)| format!("{written:?}\n  says {said:?}\n  not  {expected:?}"))
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), ENGLISH.len(), wrong.join("\n"));
}

#[test]
fn the_day_comes_first_in_britain() {
    assert_eq!(spoken("03/04/2024", "en-US"), "March fourth, twenty twenty-four");
    assert_eq!(spoken("03/04/2024", "en-GB"), "April third, twenty twenty-four");
    assert_eq!(spoken("25/12", "en-US"), "December twenty-fifth");
}

#[test]
fn other_languages_get_their_money_and_signs() {
    for (language, written, expected) in [
        ("de-DE", "Es kostet €5, nur 5€!", "Es kostet 5 Euro, nur 5 Euro!"),
        ("de", "$1,5 & mehr", "1,5 Dollar und mehr"),
        ("es-ES", "Vale $20 ¿no?", "Vale 20 dólares no?"),
        ("fr-FR", "C'est 5 € !", "C'est 5 euros!"),
        ("it", "50% di €1", "50 per cento di 1 euro"),
        ("pt-BR", "R$ 50 ou R$50", "50 reais ou 50 reais"),
        ("hi", "₹500 का 50%।", "500 रुपये का 50 प्रतिशत।"),
        ("ar", "50% من $5", "50 بالمئة من 5 دولار"),
        ("ja", "50%と$5。", "50パーセント と 5ドル。"),
        ("zh-CN", "涨了50%，$5。", "涨了 百分之50， 5美元。"),
        ("nl", "5 € & meer", "5 € & meer"),
    ] {
        assert_eq!(spoken(written, language), expected, "{language}");
    }
}

proptest! {
    #[test]
    fn tokens_give_the_text_again(
        text in "([a-zA-Z0-9$€%.,!?'\"#@&—–…/() \n-]|[你好世界は。、ไทย]|🎉|👩‍👧|é|हि|ال){0,60}",
    ) {
        for language in ["en-US", "zh", "de"] {
            let tokens = tokens(&text, language);
            let mut joined = String::new();
            for token in &tokens {
                if token.space_before {
                    joined.push(' ');
                }
                joined.push_str(&token.text);
            }
            let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            prop_assert_eq!(plain(&joined), plain(&text));
            let silent = tokens.iter().filter(|token| token.spoken.is_empty()).count();
            prop_assert!(silent == 0 || tokens.len() == 1, "{:?}", tokens);
        }
    }
}

fn preset(voice: &str, variant: Option<&str>) -> EspeakVoice {
    let variant = variant.map(str::to_owned);
    EspeakVoice { voice: voice.to_owned(), variant, pitch: 50, range: 50, words_per_minute: 175 }
}

fn speak(text: &str, language: &str) -> (Vec<Token>, Speech) {
    let tokens = tokens(text, language);
    let voice = voice_of_language(language).unwrap();
    let speech = Espeak::open(&preset(&voice, None))
        .unwrap()
        .speak(&Utterance { tokens: &tokens, rate: 1.0 })
        .unwrap();
    (tokens, speech)
}

/// The loudest sample of a span, in dB of full scale.
fn peak_db(speech: &Speech, from: usize, to: usize) -> f64 {
    let peak = speech.samples.channels[0][from..to].iter().fold(0.0f32, |peak, s| peak.max(s.abs()));
    20.0 * f64::from(peak.max(1e-9)).log10()
}

#[test]
fn thirteen_words_have_thirteen_starts_in_order() {
    let (tokens, speech) =
        speak("In the 1990s, Dr. Smith paid $1,250.50 for a state-of-the-art computer, really?", "en-US");
    assert_eq!((tokens.len(), speech.words.len()), (12, 12), "{tokens:?}");
    let (tokens, speech) = speak("The quick brown fox jumps over the lazy dog and then runs away.", "en-US");
    assert_eq!((tokens.len(), speech.words.len()), (13, 13));
    assert!(speech.words.windows(2).all(|pair| pair[0].start < pair[1].start), "{:?}", speech.words);
    assert!(speech.words.iter().all(|word| word.end > word.start && word.end <= speech.samples.len()));
}

#[test]
fn words_begin_and_end_where_the_sound_does() {
    let (tokens, speech) = speak("Stop, look, listen: then cross the street. Always, twice!", "en-US");
    let milliseconds = |samples: usize| samples as f64 * 1_000.0 / f64::from(speech.samples.rate);
    let mut pauses = 0;
    for pair in speech.words.windows(2) {
        let gap = pair[1].start - pair[0].end.min(pair[1].start);
        if tokens[pair[0].token].words() == tokens[pair[0].token].spoken {
            continue;
        }
        pauses += 1;
        assert!(milliseconds(gap) > 60.0, "no pause behind {:?}", tokens[pair[0].token]);
        // The pause is silent, and sound begins within 20 ms of the word's start and ended within 20 ms of its end.
        assert!(peak_db(&speech, pair[0].end, pair[1].start) < -50.0, "{:?}", tokens[pair[0].token]);
        let near = speech.samples.rate as usize / 50;
        assert!(peak_db(&speech, pair[1].start, pair[1].start + near) > -50.0);
        assert!(peak_db(&speech, pair[0].end - near, pair[0].end) > -50.0);
    }
    assert_eq!(pauses, 5);
    let last = speech.words.last().unwrap();
    assert!(
        milliseconds(speech.samples.len() - last.end) > 20.0,
        "the last word ends before the tail of silence"
    );
}

#[test]
fn many_languages_are_spoken_word_by_word() {
    for (language, text, fewest) in [
        ("en-US", "Every morning the city wakes up, and for a moment it is quiet.", 13),
        ("en-GB", "Every morning the city wakes up.", 6),
        ("de", "Jeden Morgen erwacht die Stadt, und 5 € sind wenig.", 9),
        ("es", "Cada mañana la ciudad despierta.", 5),
        ("hi", "हर सुबह शहर जागता है।", 5),
        ("ar", "كل صباح تستيقظ المدينة.", 4),
        ("ja", "毎朝、町が目を覚ます。", 4),
        ("zh-CN", "我喜欢苹果，你呢？", 4),
        ("fr", "Chaque matin, la ville se réveille !", 6),
        ("ru", "Каждое утро город просыпается.", 4),
    ] {
        let (tokens, speech) = speak(text, language);
        assert!(tokens.len() >= fewest, "{language}: {tokens:?}");
        assert_eq!(speech.words.len(), tokens.len(), "{language}");
        assert!(speech.samples.seconds() > 0.8, "{language}: {} s", speech.samples.seconds());
        let ordered = speech.words.windows(2).all(|pair| pair[0].end <= pair[1].start);
        assert!(
            ordered && speech.words.iter().all(|word| word.start < word.end),
            "{language}: {:?}",
            speech.words
        );
        let exact = speech.words.iter().filter(|word| word.quality == TimingQuality::Exact).count();
        assert!(exact * 2 > speech.words.len(), "{language}: only {exact} exact of {}", speech.words.len());
    }
}

#[test]
fn the_same_utterance_gives_the_same_samples() {
    let say = |text: &str| speak(text, "en-US").1;
    let first = say("Sixteen fishes swim.");
    say("Something else altogether, which leaves its traces.");
    let others: Vec<_> =
        (0..4).map(|_| std::thread::spawn(|| speak("Sixteen fishes swim.", "en-US").1)).collect();
    for other in others {
        assert!(other.join().unwrap() == first);
    }
    assert!(say("Sixteen fishes swim.") == first);
}

#[test]
fn a_faster_rate_is_faster_and_has_its_limits() {
    let tokens = tokens("This sentence is spoken at two speeds.", "en-US");
    let mut voice = Espeak::open(&preset("en-us", Some("f2"))).unwrap();
    let mut seconds = |rate| voice.speak(&Utterance { tokens: &tokens, rate }).map(|s| s.samples.seconds());
    let ratio = seconds(1.0).unwrap() / seconds(1.5).unwrap();
    assert!((1.3..1.7).contains(&ratio), "{ratio}");
    let error = seconds(3.0).unwrap_err().to_string();
    assert!(error.contains("choose a rate from 0.46 to 2.57"), "{error}");
    assert!(seconds(f32::NAN).is_err());
}

#[test]
fn a_question_rises_and_markup_is_harmless() {
    let (_, plain) = speak("You did it.", "en-US");
    let (_, question) = speak("You did it?", "en-US");
    assert!(plain.samples != question.samples, "the question mark does not reach the engine");
    let (tokens, speech) = speak("Use <b>bold</b> & \"quotes\" </speak>", "de");
    assert_eq!(speech.words.len(), tokens.len());
    let (_, nothing) = speak("🎉", "en-US");
    assert!(nothing.words.is_empty());
}

#[test]
fn what_is_not_there_is_named_with_its_neighbours() {
    let error = Espeak::open(&preset("en-uk", None)).unwrap_err();
    assert!(
        matches!(&error, Error::UnknownLanguage { similar, .. } if similar.iter().any(|s| s.starts_with("en-"))),
        "{error}"
    );
    let error = Espeak::open(&preset("en-us", Some("f22"))).unwrap_err();
    assert!(error.to_string().contains("did you mean `f2`"), "{error}");
    let error = Espeak::open(&EspeakVoice { pitch: 120, ..preset("en-us", None) }).unwrap_err();
    assert_eq!(error.to_string(), "the voice's pitch is 120; it goes from 0 to 99");
}

mod narration {
    use shortform::{
        audio::{decode_wav, measure},
        pipeline::{Pipeline, Request, load},
        stages::{Cached, Cancel, Context, Error, Happening, Kind, Stage, narration},
        store::Store,
        story::{SAMPLE_RATE, Samples, Script, Time},
    };

    const SCRIPT: &str = "# Tides\n\nThe moon pulls the sea, 24 hours a day. It costs nothing!\n\n\
        [voice: onyx]\nOver $5M is spent to watch it.\n[pause: 800ms]\n[voice: de]\nDas Meer kommt zurück 🌊.\n";

    fn pipeline(sets: &[(&str, &str)]) -> Pipeline {
        let sets =
            sets.iter().map(|(path, value)| ("--set".into(), (*path).into(), (*value).into())).collect();
        load(&Request { pipeline: None, script: None, environment: Vec::new(), sets }).unwrap()
    }

    struct Run {
        result: Result<narration::Spoken, Error>,
        hits: Vec<bool>,
        notes: Vec<String>,
        before: Result<Cached, Error>,
    }

    fn run(store: &Store, pipeline: &Pipeline, script: &str, draft: bool) -> Run {
        let script = Script::parse(script).unwrap();
        let (mut hits, mut notes) = (Vec::new(), Vec::new());
        let mut tell = |_: Stage, happening| match happening {
            Happening::Step { hit } => hits.push(hit),
            Happening::Note { text } | Happening::Warning { text } | Happening::Fallback { text } => {
                notes.push(text);
            }
            Happening::Progress(_) | Happening::Measured(_) => {}
        };
        let mut context = Context {
            stage: Stage::Narration,
            store,
            models_dir: None,
            draft,
            cancel: Cancel::default(),
            tell: &mut tell,
        };
        let before = narration::cached(pipeline, &script, &context);
        let result = narration::run(pipeline, &script, &mut context);
        Run { result, hits, notes, before }
    }

    fn sound(store: &Store, spoken: &narration::Spoken) -> Samples {
        decode_wav(&store.get(spoken.sound).unwrap().unwrap()).unwrap()
    }

    fn seconds(time: Time) -> f64 {
        time.seconds()
    }

    #[test]
    fn a_script_becomes_a_levelled_track_with_its_words() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let pipeline = pipeline(&[]);
        let first = run(&store, &pipeline, SCRIPT, false);
        let spoken = first.result.unwrap();
        assert_eq!((first.before.unwrap().hits, first.hits), (0, vec![false; 4]));
        let narration = &spoken.narration;
        let texts: Vec<&str> = narration.words().map(|word| word.text.as_str()).collect();
        assert_eq!(
            texts.join(" "),
            "The moon pulls the sea, 24 hours a day. It costs nothing! \
             Over $5M is spent to watch it. Das Meer kommt zurück 🌊."
        );
        assert!(narration.words().any(|word| word.spoken == "five million dollars"));

        // Beats tile the whole; words lie inside their beat, in order; pauses are as the script asks.
        assert_eq!(narration.beats[0].span.start, Time::ZERO);
        assert!(narration.beats.windows(2).all(|pair| pair[0].span.end == pair[1].span.start));
        assert_eq!(narration.beats[3].span.end, narration.duration);
        let lead = pipeline.narration.lead.as_secs_f64();
        assert!((seconds(narration.beats[0].voiced.start) - lead).abs() < 1e-4);
        let paragraph = narration.beats[1].span.end - narration.beats[1].voiced.end;
        assert!((seconds(paragraph) - pipeline.narration.paragraph_pause.as_secs_f64()).abs() < 1e-4);
        let asked = narration.beats[2].span.end - narration.beats[2].voiced.end;
        assert!((seconds(asked) - 0.8).abs() < 1e-4);
        for beat in &narration.beats {
            assert!(beat.words.windows(2).all(|pair| pair[0].span.end <= pair[1].span.start), "{beat:?}");
            let (first, last) = (beat.words.first().unwrap().span, beat.words.last().unwrap().span);
            assert!(seconds(first.start) - seconds(beat.voiced.start) < 0.02, "{beat:?}");
            assert!((seconds(beat.voiced.end) - seconds(last.end)).abs() < 0.03, "{beat:?}");
        }

        // The sound is what was promised.
        let track = sound(&store, &spoken);
        assert_eq!((track.rate, track.channels.len()), (SAMPLE_RATE, 1));
        assert_eq!(Time(track.len() as u64), narration.duration);
        let measured = measure(&track).unwrap();
        let loudness = &pipeline.platform.loudness;
        assert!((measured.integrated_lufs - loudness.integrated.value).abs() <= 0.1, "{measured:?}");
        assert!(measured.true_peak_dbtp <= loudness.true_peak.value, "{measured:?}");
        let loud: Vec<f64> = narration
            .beats
            .iter()
            .map(|beat| {
                let range = beat.voiced.start.0 as usize..beat.voiced.end.0 as usize;
                measure(&Samples::mono(SAMPLE_RATE, track.channels[0][range].to_vec()))
                    .unwrap()
                    .integrated_lufs
            })
            .collect();
        let spread =
            loud.iter().fold(f64::MIN, |a, b| a.max(*b)) - loud.iter().fold(f64::MAX, |a, b| a.min(*b));
        assert!(spread < 1.5, "{loud:?}");

        // Again: nothing is spoken. One sentence changed: one is.
        let again = run(&store, &pipeline, SCRIPT, false);
        assert_eq!(again.before.unwrap(), Cached { steps: 4, hits: 4 });
        assert_eq!((again.result.unwrap(), again.hits), (spoken.clone(), vec![true; 4]));
        let changed = run(&store, &pipeline, &SCRIPT.replace("nothing", "little"), false);
        assert_eq!(changed.before.unwrap(), Cached { steps: 4, hits: 3 });
        assert_eq!(changed.hits, [true, false, true, true]);
        assert_eq!(changed.result.unwrap().narration.words().count(), texts.len());
    }

    #[test]
    fn a_voice_speaks_the_language_of_the_script() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let german = pipeline(&[("narration.language", "de-DE"), ("narration.voice", "nova")]);
        let said = run(&store, &german, "Guten Morgen, liebe Welt.", false);
        assert_eq!(said.result.unwrap().narration.language, "de-DE");
        assert!(said.notes.iter().any(|note| note.contains("speaks de-DE")), "{:?}", said.notes);
    }

    #[test]
    fn a_draft_needs_no_voice() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let draft = run(&store, &pipeline(&[]), SCRIPT, true);
        assert!(draft.result.unwrap().narration.words().count() > 20);
        let spoken = run(&store, &pipeline(&[]), SCRIPT, false);
        assert_eq!(spoken.before.unwrap().hits, 0, "tones must not be taken for speech");
    }

    #[test]
    fn what_cannot_be_spoken_is_told_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let error = run(&store, &pipeline(&[]), "One.\n\n[voice: onix]\nTwo.", false).result.unwrap_err();
        assert_eq!(error.kind, Kind::Invalid);
        let message = error.to_string();
        assert!(message.starts_with("line 4: there is no voice `onix`: did you mean `onyx`"), "{message}");
    }
}
