//! When a batch ends: a time of day, or how long from now.

use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Zoned, civil::Time};

use super::super::exit::{Exit, Failure};

/// The next moment that `said` means.
pub(super) fn deadline(said: &str) -> Result<SystemTime, Failure> {
    let now = Zoned::now();
    moment(said, &now).map(SystemTime::from).ok_or_else(|| {
        let message =
            format!("--deadline {said}: write a time of day such as 06:00, or how long such as 8h or 90m");
        Failure::new(Exit::Usage, message)
    })
}

fn moment(said: &str, now: &Zoned) -> Option<Zoned> {
    if said.contains(':') {
        let time = Time::strptime("%H:%M", said).ok()?;
        let today = now.date().to_datetime(time).to_zoned(now.time_zone().clone()).ok()?;
        if today > *now {
            return Some(today);
        }
        let tomorrow = now.date().tomorrow().ok()?;
        return tomorrow.to_datetime(time).to_zoned(now.time_zone().clone()).ok();
    }
    let long: SignedDuration = said.parse().ok()?;
    let long = Duration::try_from(long).ok().filter(|long| !long.is_zero())?;
    now.checked_add(long).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_is_the_next_one() {
        let now: Zoned = "2026-11-21T22:30:00[UTC]".parse().unwrap();
        let at = |said| moment(said, &now).map(|moment| moment.datetime().to_string());
        assert_eq!(at("06:00").unwrap(), "2026-11-22T06:00:00");
        assert_eq!(at("23:15").unwrap(), "2026-11-21T23:15:00");
        assert_eq!(at("8h").unwrap(), "2026-11-22T06:30:00");
        assert_eq!(at("90m").unwrap(), "2026-11-22T00:00:00");
        for wrong in ["", "25:00", "soon", "-1h", "0s", "6"] {
            assert_eq!(at(wrong), None, "{wrong}");
        }
    }
}
