//! Words written short: titles, Latin, streets, initials.

use super::{super::Reading, calendar, numbers::Number, reader::Context};

/// Short with or without a full stop.
const ALWAYS: &[(&str, &str)] = &[
    ("Mr", "Mister"),
    ("Mrs", "Missus"),
    ("Ms", "Miz"),
    ("Prof", "Professor"),
    ("vs", "versus"),
    ("etc", "et cetera"),
    ("approx", "approximately"),
    ("e.g", "for example"),
    ("i.e", "that is"),
    ("eg", "for example"),
    ("Ph.D", "P H D"),
    ("PhD", "P H D"),
    ("a.k.a", "also known as"),
    ("aka", "also known as"),
];

/// Short only with a full stop.
const WITH_STOP: &[(&str, &str)] = &[
    ("Sr", "Senior"),
    ("Jr", "Junior"),
    ("Gen", "General"),
    ("Lt", "Lieutenant"),
    ("Sgt", "Sergeant"),
    ("Capt", "Captain"),
    ("Col", "Colonel"),
    ("Rev", "Reverend"),
    ("Gov", "Governor"),
    ("Sen", "Senator"),
    ("Rep", "Representative"),
    ("Hon", "Honorable"),
    ("Inc", "Incorporated"),
    ("Ltd", "Limited"),
    ("Corp", "Corporation"),
    ("Co", "Company"),
    ("Ave", "Avenue"),
    ("Blvd", "Boulevard"),
    ("Rd", "Road"),
    ("Dept", "Department"),
    ("dept", "department"),
    ("est", "established"),
    ("ed", "edition"),
    ("v", "versus"),
];

/// Short with a full stop before a name.
const BEFORE_NAME: &[(&str, &str)] = &[("Mt", "Mount"), ("Ft", "Fort")];

/// Short with a full stop before a number.
const BEFORE_NUMBER: &[(&str, &str)] = &[
    ("No", "number"),
    ("no", "number"),
    ("Nr", "number"),
    ("p", "page"),
    ("pp", "pages"),
    ("vol", "volume"),
    ("Vol", "Volume"),
    ("ch", "chapter"),
    ("Ch", "Chapter"),
    ("fig", "figure"),
    ("Fig", "Figure"),
    ("Ep", "Episode"),
    ("ep", "episode"),
];

/// Reads a word written short; the full stop behind it is then its own.
pub(super) fn abbreviation(context: &Context<'_>) -> Option<Reading> {
    let stop = context.tail().starts_with('.') && !context.tail().starts_with("..");
    let core = context.core();
    let words = listed(context, core, stop)
        .or_else(|| half_of_day(context))
        .or_else(|| ambiguous(context, core, stop))
        .or_else(|| initials(context, core, stop))
        .or_else(|| calendar::month_name(context).filter(|name| stop && !name.ends_with(core)))?;
    Some(Reading { words, takes_sign: true })
}

fn listed(context: &Context<'_>, core: &str, stop: bool) -> Option<String> {
    let find = |list: &'static [(&'static str, &'static str)]| {
        list.iter().find(|(short, _)| *short == core).map(|(_, long)| *long)
    };
    let number = |next: Option<&str>| next.is_some_and(|next| Number::parse(next).is_some());
    let long = find(ALWAYS)
        .or_else(|| find(WITH_STOP).filter(|_| stop && (core.len() > 1 || !context.is_last())))
        .or_else(|| find(BEFORE_NAME).filter(|_| stop && is_name(context.next())))
        .or_else(|| find(BEFORE_NUMBER).filter(|_| stop && number(context.next())))?;
    Some(long.to_owned())
}

/// `a.m.`, and `PM` behind a time.
fn half_of_day(context: &Context<'_>) -> Option<String> {
    let core = context.core();
    let dotted = core.contains('.');
    let behind_time =
        context.previous().is_some_and(|previous| previous.starts_with(|c: char| c.is_ascii_digit()));
    match core.to_ascii_lowercase().as_str() {
        "a.m" | "am" if dotted || behind_time => Some(String::from("AM")),
        "p.m" | "pm" if dotted || behind_time => Some(String::from("PM")),
        _ => None,
    }
}

/// `Dr.` and `St.` before a name are titles, behind one they are streets.
fn ambiguous(context: &Context<'_>, core: &str, stop: bool) -> Option<String> {
    let (title, street) = match core {
        "Dr" => ("Doctor", "Drive"),
        "St" => ("Saint", "Street"),
        _ => return None,
    };
    let article =
        matches!(context.previous(), Some("The" | "A" | "My" | "Our" | "His" | "Her" | "Your" | "Dear"));
    let behind_name = is_name(context.previous()) && !article;
    if behind_name && !is_name(context.next()) {
        Some(street.to_owned())
    } else if is_name(context.next()) {
        Some(title.to_owned())
    } else {
        stop.then(|| if core == "Dr" { title } else { street }.to_owned())
    }
}

/// `U.S.` is `US`; `J.` before a name is `J`.
fn initials(context: &Context<'_>, core: &str, stop: bool) -> Option<String> {
    let mut letters = core.split('.');
    let single = |letter: &str| letter.len() == 1 && letter.bytes().all(|b| b.is_ascii_alphabetic());
    if core.contains('.') && letters.clone().all(single) {
        return Some(letters.collect::<String>().to_uppercase());
    }
    let initial = letters.next().is_some_and(|letter| single(letter) && letter == letter.to_uppercase());
    let pronoun = matches!(core, "I" | "A");
    (initial && !pronoun && stop && core.len() == 1 && is_name(context.next())).then(|| core.to_owned())
}

fn is_name(word: Option<&str>) -> bool {
    word.and_then(|word| word.chars().next()).is_some_and(char::is_uppercase)
}
