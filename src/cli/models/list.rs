//! `shortform models list`.

use serde_json::json;

use super::{
    super::{
        args::OutputArgs,
        exit::{Exit, Failure},
    },
    failure,
};
use crate::{
    engine::Bytes,
    models::{Catalog, Description, Lock, Offer},
};

pub(super) fn list(catalog: &Catalog, output: &OutputArgs) -> Result<(), Failure> {
    let lock = Lock::read(catalog.folder()).map_err(failure(Exit::Invalid))?;
    let installed: Vec<_> = catalog.installed().iter().map(|known| catalog.describe(known, &lock)).collect();
    let offers = Offer::all().map_err(failure(Exit::Invalid))?;
    let is_installed = |offer: &Offer| {
        installed.iter().any(|known| {
            let from = known.origin.as_deref().and_then(|origin| origin.split_once('@'));
            from.is_some_and(|(repository, _)| repository == offer.repository)
        })
    };
    if output.json {
        let offers = offers.iter().map(|offer| {
            let mut value = serde_json::to_value(offer).expect("an offer is plain data");
            value["installed"] = json!(is_installed(offer));
            value
        });
        let lists = json!({
            "folder": catalog.folder(),
            "installed": installed,
            "catalog": offers.collect::<Vec<_>>(),
        });
        println!("{lists}");
        return Ok(());
    }
    println!("installed, in {}", catalog.folder().display());
    table(installed.iter().map(row).collect());
    println!("\ncatalog: `shortform models pull NAME` installs one (* is installed)");
    table(
        offers
            .iter()
            .map(|offer| {
                let mark = if is_installed(offer) { "*" } else { " " };
                let about = match &offer.note {
                    Some(note) => format!("{}; {note}", offer.good_at),
                    None => offer.good_at.clone(),
                };
                let licence = offer.licence.as_deref().unwrap_or("licence not named").to_owned();
                [format!("{mark} {}", offer.name), offer.size.clone(), offer.family.clone(), licence, about]
            })
            .collect(),
    );
    Ok(())
}

fn row(known: &Description) -> [String; 5] {
    let family = match (&known.family, &known.problem) {
        (Some(family), _) => family.clone(),
        (None, problem) => format!("cannot be used: {}", problem.as_deref().unwrap_or("unknown")),
    };
    let or = |text: &Option<String>, otherwise: &str| text.as_deref().unwrap_or(otherwise).to_owned();
    [
        known.name.clone(),
        Bytes(known.bytes).to_string(),
        or(&known.origin, "put there by hand"),
        or(&known.licence, "licence not known"),
        family,
    ]
}

/// Columns as wide as what is in them; the last one runs on.
fn table(rows: Vec<[String; 5]>) {
    let wide = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let wide = [wide(0), wide(1), wide(2), wide(3)];
    for [a, b, c, d, e] in &rows {
        println!("  {a:<0$}  {b:>1$}  {c:<2$}  {d:<3$}  {e}", wide[0], wide[1], wide[2], wide[3]);
    }
}
