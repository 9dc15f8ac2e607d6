//! The report as one page that needs nothing beside it: style, pictures and drawings are in it.
//!
//! Only the videos themselves stay where they are; the page plays them from the folder it lies in.

use std::{fmt::Write, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::{Timestamp, tz::TimeZone};

use super::{
    Report, Status, Stopped, VideoReport,
    asked::told,
    drawings::{write_gantt, write_memory, write_models},
    folder::thumbnail,
    report::{Failure, RunReport},
};
use crate::{engine::Bytes, stages::Stage};

const STYLE: &str = include_str!("report.css");

/// The page for `report`, to lie in `folder`.
pub fn html(report: &Report, folder: &Path) -> String {
    let mut page = String::new();
    // Writing to a String cannot fail.
    let _ = write_page(&mut page, report, folder);
    page
}

fn write_page(page: &mut String, report: &Report, folder: &Path) -> std::fmt::Result {
    let when = report.runs.first().map_or_else(String::new, |run| clock(run.begun));
    let made = report.total(Status::Made) + report.total(Status::Reused);
    write!(
        page,
        "<!doctype html>\n<html lang=en><meta charset=utf-8>\
         <meta name=viewport content='width=device-width,initial-scale=1'>\
         <meta name=color-scheme content='light dark'>\
         <title>{made} of {} videos · {when}</title><style>{STYLE}</style><body><main>\
         <header><p class=brand>shortform</p><h1>{}</h1><p class=when>{when}</p></header>",
        report.videos.len(),
        headline(report),
    )?;
    write_totals(page, report)?;
    write_failures(page, report)?;
    write_sheet(page, report, folder)?;
    for run in &report.runs {
        write_run(page, run)?;
    }
    write_table(page, report)?;
    write_models(page, report)?;
    writeln!(
        page,
        "<footer>Made by shortform {}. Costs of this run: {}; machine time is shown above.{}</footer></main></body></html>",
        report.shortform,
        escape(&told(
            report.videos.iter().filter(|video| video.status == Status::Made).flat_map(|v| &v.asked)
        )),
        match report.torn_lines {
            0 => String::new(),
            torn =>
                format!(" {torn} unfinished lines of the journal, left by killed runs, were passed over."),
        },
    )
}

fn headline(report: &Report) -> String {
    let (failed, left) = (report.total(Status::Failed), report.total(Status::Left));
    let all = report.videos.len();
    match (failed, left) {
        (0, 0) if all == 0 => "There was nothing to make".to_owned(),
        (0, 0) if all == 1 => "The video is ready".to_owned(),
        (0, 0) => format!("All {all} videos are ready"),
        (0, left) => format!("{} of {all} videos are ready, {left} not yet", all - left),
        (failed, 0) => format!("{} of {all} videos are ready, {failed} failed", all - failed),
        (failed, left) => {
            format!("{} of {all} videos are ready, {failed} failed, {left} not yet", all - failed - left)
        }
    }
}

fn write_totals(page: &mut String, report: &Report) -> std::fmt::Result {
    let seconds: f64 = report.runs.iter().map(|run| run.seconds).fold(0.0, f64::max);
    let watched: f64 = report.videos.iter().filter_map(|video| video.duration).sum();
    let peak = report.runs.iter().flat_map(|run| &run.memory).map(|at| at.own + at.device).max().unwrap_or(0);
    page.push_str("<dl class=totals>");
    for (status, word) in [
        (Status::Made, "made"),
        (Status::Reused, "reused"),
        (Status::Failed, "failed"),
        (Status::Left, "not finished"),
    ] {
        let total = report.total(status);
        let class = if total > 0 { name(status) } else { "none" };
        write!(page, "<div class={class}><dt>{word}</dt><dd>{total}</dd></div>")?;
    }
    write!(page, "<div><dt>took</dt><dd>{}</dd></div>", took(seconds))?;
    write!(page, "<div><dt>to watch</dt><dd>{}</dd></div>", took(watched))?;
    write!(page, "<div><dt>memory, at most</dt><dd>{}</dd></div></dl>", Bytes(peak))
}

fn write_failures(page: &mut String, report: &Report) -> std::fmt::Result {
    let failed = report.videos.iter().filter_map(|video| Some((video, video.failure.as_ref()?)));
    let mut failed = failed.filter(|(video, _)| video.status == Status::Failed).peekable();
    if failed.peek().is_some() {
        page.push_str("<section><h2>What failed</h2>");
        for (video, Failure { stage, message, log, .. }) in failed {
            let stage = stage.map_or_else(String::new, |stage| format!("<b class=stage>{stage}</b>"));
            let retried = match video.retries {
                0 => String::new(),
                1 => " <small>tried twice</small>".to_owned(),
                retries => format!(" <small>tried {} times</small>", retries + 1),
            };
            write!(
                page,
                "<article class=failure><h3>{} {stage}{retried}</h3><pre>{}</pre>",
                escape(&video.id),
                escape(message.trim()),
            )?;
            if !log.is_empty() {
                let log = escape(&log.join("\n"));
                write!(page, "<details><summary>what was said last</summary><pre>{log}</pre></details>")?;
            }
            page.push_str("</article>");
        }
        page.push_str("</section>");
    }
    let warnings: Vec<_> = report.runs.iter().flat_map(|run| &run.warnings).collect();
    if !warnings.is_empty() {
        page.push_str("<section><h2>Worth a look</h2><ul class=warnings>");
        warnings.iter().try_for_each(|text| write!(page, "<li>{}</li>", escape(text)))?;
        page.push_str("</ul></section>");
    }
    Ok(())
}

fn write_sheet(page: &mut String, report: &Report, folder: &Path) -> std::fmt::Result {
    page.push_str("<section><h2>Videos</h2><div class=sheet>");
    for video in &report.videos {
        let status = name(video.status);
        write!(page, "<figure class={status}>")?;
        let file = video.files.iter().find(|path| path.extension().is_some_and(|ending| ending == "mp4"));
        let poster = thumbnail(&video.folder, &video.id)
            .filter(|_| file.is_some())
            .map(|jpeg| format!("data:image/jpeg;base64,{}", STANDARD.encode(jpeg)));
        match (file, poster) {
            (Some(file), poster) => {
                let poster = poster.map_or_else(String::new, |poster| format!(" poster='{poster}'"));
                let at = address(&video.folder, folder, file);
                write!(page, "<video controls playsinline preload=none{poster} src='{at}'></video>")?;
            }
            (None, _) => {
                let stage = video.failure.as_ref().and_then(|failure| failure.stage);
                let stage = stage.map_or_else(String::new, |stage| format!("<br>at {stage}"));
                write!(page, "<div class=empty><span>{}{stage}</span></div>", word(video.status))?;
            }
        }
        let title = video.title.as_deref().unwrap_or(&video.id);
        write!(page, "<figcaption><b>{}</b><span class=facts>{}</span>", escape(title), facts(video))?;
        let warnings: Vec<_> =
            video.stages.iter().flat_map(|stage| stage.fallbacks.iter().chain(&stage.warnings)).collect();
        if !warnings.is_empty() {
            write!(page, "<details><summary>{} to look at</summary><ul>", warnings.len())?;
            warnings.iter().try_for_each(|text| write!(page, "<li>{}</li>", escape(text)))?;
            page.push_str("</ul></details>");
        }
        page.push_str("</figcaption></figure>");
    }
    page.push_str("</div></section>");
    Ok(())
}

/// Where the page finds a file: below its own folder, or, of another shard, at its full path.
fn address(root: &Path, page: &Path, file: &Path) -> String {
    let path = if root == page { file.to_owned() } else { root.join(file) };
    let path = if root == page { path } else { std::path::absolute(&path).unwrap_or(path) };
    let text = path.to_string_lossy();
    let mut address = String::new();
    for byte in text.bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => address.push(byte as char),
            _ => address.push_str(&format!("%{byte:02X}")),
        }
    }
    if root == page { address } else { format!("file://{address}") }
}

/// The line of facts under a video.
fn facts(video: &VideoReport) -> String {
    let mut facts = vec![format!("<i class=dot></i>{}", word(video.status))];
    facts.extend(video.platform.as_deref().map(escape));
    facts.extend(video.duration.filter(|seconds| *seconds > 0.0).map(took));
    facts.extend(video.loudness.map(|loudness| format!("{:.1} LUFS", loudness.integrated_lufs)));
    facts.join(" · ")
}

fn write_run(page: &mut String, run: &RunReport) -> std::fmt::Result {
    let shard = run.shard.as_ref().map_or_else(String::new, |shard| format!(", part {}", escape(shard)));
    let end = match (run.ended, run.stopped) {
        (false, _) => " It did not come to its end: it was killed, or it still runs.",
        (true, Some(Stopped::Interrupted)) => " It was interrupted.",
        (true, Some(Stopped::Deadline)) => " Its time was up.",
        (true, Some(Stopped::Failure)) => " It ended at the first failure.",
        (true, None) => "",
    };
    write!(page, "<section><h2>Time{shard}</h2><p>{}.{end}", took(run.seconds))?;
    if !run.waves.is_empty() {
        let waves: Vec<_> = run.waves.iter().map(ToString::to_string).collect();
        write!(page, " Models were loaded for {} videos at a time.", waves.join(", "))?;
    }
    if run.renewed > 0 {
        write!(
            page,
            " The process that held them had grown, and gave way to a fresh one: {}.",
            times(run.renewed)
        )?;
    }
    page.push_str("</p>");
    if run.spans.is_empty() {
        page.push_str("<p class=quiet>There was nothing to do.</p></section>");
        return Ok(());
    }
    write_gantt(page, run)?;
    page.push_str("</section>");
    write_memory(page, run)
}

fn write_table(page: &mut String, report: &Report) -> std::fmt::Result {
    if report.videos.iter().all(|video| video.stages.is_empty()) {
        return Ok(());
    }
    page.push_str("<section><h2>Stage by stage</h2><div class=wide><table><thead><tr><th>video</th>");
    Stage::ALL.iter().try_for_each(|stage| write!(page, "<th>{stage}</th>"))?;
    page.push_str("<th>all</th><th>loudness</th></tr></thead><tbody>");
    for video in report.videos.iter().filter(|video| !video.stages.is_empty()) {
        write!(page, "<tr><th>{}</th>", escape(&video.id))?;
        for stage in Stage::ALL {
            match video.stages.iter().find(|record| record.stage == stage) {
                None => page.push_str("<td></td>"),
                Some(record) => {
                    let steps = match (record.made, record.hits) {
                        (0, 0) => String::new(),
                        (0, hits) => format!("<small>{hits} reused</small>"),
                        (made, 0) => format!("<small>{made} made</small>"),
                        (made, hits) => format!("<small>{made} made, {hits} reused</small>"),
                    };
                    let notes = escape(&record.notes.join("\n"));
                    write!(page, "<td title='{notes}'>{}{steps}</td>", took(record.seconds))?;
                }
            }
        }
        let seconds = video.seconds.map_or_else(String::new, took);
        let loudness = video.loudness.map_or_else(String::new, |loudness| {
            format!("{:.1} LUFS<small>{:.1} dBTP</small>", loudness.integrated_lufs, loudness.true_peak_dbtp)
        });
        write!(page, "<td>{seconds}</td><td>{loudness}</td></tr>")?;
    }
    page.push_str("</tbody></table></div>");
    let mut notes: Vec<&String> =
        report.videos.iter().flat_map(|v| &v.stages).flat_map(|s| &s.notes).collect();
    notes.retain(|note| !note.contains(" of narration at "));
    notes.sort();
    notes.dedup();
    if !notes.is_empty() {
        write!(page, "<details><summary>{} decisions</summary><ul>", notes.len())?;
        notes.iter().try_for_each(|note| write!(page, "<li>{}</li>", escape(note)))?;
        page.push_str("</ul></details>");
    }
    page.push_str("</section>");
    Ok(())
}

fn name(status: Status) -> &'static str {
    match status {
        Status::Failed => "failed",
        Status::Left => "left",
        Status::Made => "made",
        Status::Reused => "reused",
    }
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Left => "not finished",
        other => name(other),
    }
}

/// `0.4 s`, `12 s`, `2 min 05 s`, `3 h 07 min`.
pub(super) fn took(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 9.95 => format!("{seconds:.1} s"),
        seconds if seconds < 59.5 => format!("{seconds:.0} s"),
        seconds => {
            let whole = seconds.round() as u64;
            match whole / 3600 {
                0 => format!("{} min {:02} s", whole / 60, whole % 60),
                hours => format!("{hours} h {:02} min", whole / 60 % 60),
            }
        }
    }
}

fn times(count: usize) -> String {
    match count {
        1 => "once".to_owned(),
        count => format!("{count} times"),
    }
}

/// A moment as this machine's clock shows it.
fn clock(seconds: f64) -> String {
    let moment = Timestamp::from_second(seconds as i64).unwrap_or_default();
    moment.to_zoned(TimeZone::system()).strftime("%A %-d %B %Y, %H:%M").to_string()
}

pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' => escaped.push('\n'),
            // A terminal's colours have no place on a page.
            c if c.is_control() => {}
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_well() {
        let read = [0.44, 12.3, 59.7, 125.0, 11_220.0].map(took);
        assert_eq!(read, ["0.4 s", "12 s", "1 min 00 s", "2 min 05 s", "3 h 07 min"]);
    }

    #[test]
    fn nothing_of_a_script_becomes_part_of_the_page() {
        assert_eq!(escape("<img src='x'>&\u{1b}[31m\""), "&lt;img src=&#39;x&#39;&gt;&amp;[31m&quot;");
        let folder = Path::new("out");
        assert_eq!(address(folder, folder, Path::new("a b/'x'.mp4")), "a%20b/%27x%27.mp4");
    }
}
