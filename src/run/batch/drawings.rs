//! The drawings of the report: time by lanes, memory over time, and memory by models.

use std::fmt::Write;

use super::{
    Lane, Report, Span,
    html::{escape, took},
    report::{MemoryAt, RunReport},
};
use crate::{
    engine::{Bytes, Measured, Reading},
    stages::Stage,
};

/// Who was at what, when: a row for each worker.
pub(super) fn write_gantt(page: &mut String, run: &RunReport) -> std::fmt::Result {
    let total = run.seconds.max(0.001);
    page.push_str("<div class=legend>");
    for stage in Stage::ALL {
        write!(page, "<span><i class=\"box {stage}\"></i>{stage}</span>")?;
    }
    page.push_str("</div><div class=gantt>");
    for lane in Lane::ALL {
        let workers = run.spans.iter().filter(|span| span.lane == lane).map(|span| span.worker + 1).max();
        let busy = run.busy.get(&lane).copied().unwrap_or(0.0);
        for worker in 0..workers.unwrap_or(0) {
            let label = if worker == 0 { lane.name() } else { "" };
            let share = busy / total / workers.unwrap_or(1) as f64 * 100.0;
            let share = if worker == 0 { format!("{share:.0} %") } else { String::new() };
            write!(
                page,
                "<div class=row><span class=lane>{label} <small>{share}</small></span>\
                 <svg viewBox='0 0 1000 10' preserveAspectRatio=none role=img aria-label='{lane} lane'>"
            )?;
            for Span { video, stage, start, seconds, .. } in
                run.spans.iter().filter(|span| (span.lane, span.worker) == (lane, worker))
            {
                let (x, width) = (start / total * 1000.0, (seconds / total * 1000.0).max(0.6));
                write!(
                    page,
                    "<rect class={stage} x={x:.2} width={width:.2} height=10><title>{}: {stage}, {}</title></rect>",
                    escape(video),
                    took(*seconds),
                )?;
            }
            page.push_str("</svg></div>");
        }
    }
    write_axis(page, total)?;
    page.push_str("</div>");
    Ok(())
}

fn write_axis(page: &mut String, total: f64) -> std::fmt::Result {
    page.push_str("<div class=axis>");
    (0..=4).try_for_each(|tick| write!(page, "<span>{}</span>", took(total * f64::from(tick) / 4.0)))?;
    page.push_str("</div>");
    Ok(())
}

/// Memory over time, measured and foretold.
pub(super) fn write_memory(page: &mut String, run: &RunReport) -> std::fmt::Result {
    // What steps were expected to take comes on top of what the program held before the first one.
    let Some(before) = run.memory.first().map(|at| at.own) else { return Ok(()) };
    let expected = |at: &MemoryAt| before + at.reserved;
    let most = run.memory.iter().map(|at| (at.own + at.device).max(expected(at))).max().unwrap_or(0);
    let total = run.seconds.max(0.001);
    let top = most.max(1) as f64 * 1.1;
    let points = |bytes: &dyn Fn(&MemoryAt) -> u64| {
        let point = |at: &MemoryAt| {
            format!("{:.1},{:.1}", at.at / total * 1000.0, 200.0 - bytes(at) as f64 / top * 200.0)
        };
        run.memory.iter().map(point).collect::<Vec<_>>().join(" ")
    };
    let (both, own) = (points(&|at| at.own + at.device), points(&|at| at.own));
    let reserved = points(&expected);
    let limit = match run.memory_limit {
        0 => String::new(),
        limit => format!(" Steps at work at once might take {} together.", Bytes(limit)),
    };
    // Of all processes with models the one that held most.
    let models = run.held.iter().max_by_key(|held| held.peak).map_or_else(String::new, |held| {
        format!(" Drawing held {} at most, {} were expected.", Bytes(held.peak), Bytes(held.expected))
    });
    write!(
        page,
        "<section><h2>Memory</h2><p>At most {} at a time.{limit}{models}</p>\
         <div class=legend><span><i class='box both'></i>measured, models included</span>\
         <span><i class='box own'></i>this process alone</span><span><i class='box reserved'></i>expected</span></div>\
         <div class=plot><span class=top>{}</span><svg viewBox='0 0 1000 200' preserveAspectRatio=none role=img \
         aria-label='memory over time'><polygon class=both points='0,200 {both} 1000,200'/>\
         <polygon class=own points='0,200 {own} 1000,200'/>\
         <polyline class=reserved points='{reserved}'/></svg></div>",
        Bytes(run.memory.iter().map(|at| at.own + at.device).max().unwrap_or(0)),
        Bytes(top as u64),
    )?;
    write_axis(page, total)?;
    page.push_str("</section>");
    Ok(())
}

/// A figure of a reading, and how it is drawn in a row of 16 units.
struct Figure {
    name: &'static str,
    told: &'static str,
    y: f64,
    height: f64,
    of: fn(&Reading) -> Option<u64>,
}

/// The widest first: each lies upon the one before.
const FIGURES: [Figure; 5] = [
    Figure { name: "peak", told: "its peak until then", y: 0.0, height: 10.0, of: |reading| reading.peak },
    Figure {
        name: "process",
        told: "the process",
        y: 0.0,
        height: 10.0,
        of: |reading| Some(reading.resident),
    },
    Figure {
        name: "tensors",
        told: "tensors in it",
        y: 0.0,
        height: 10.0,
        of: |reading| Some(reading.tensors),
    },
    Figure {
        name: "arena",
        told: "the arena it computes in",
        y: 11.0,
        height: 2.0,
        of: |reading| Some(reading.arena?.held),
    },
    Figure {
        name: "device",
        told: "the card's own memory, of all programs",
        y: 13.5,
        height: 2.5,
        of: |reading| reading.device,
    },
];

/// What each model took at the points of its life, over all videos.
pub(super) fn write_models(page: &mut String, report: &Report) -> std::fmt::Result {
    let mut models: Vec<(Stage, Measured)> = Vec::new();
    let stages = report.videos.iter().flat_map(|video| &video.stages);
    for (stage, new) in stages.flat_map(|record| record.parts.iter().map(move |part| (record.stage, part))) {
        let same = |(of, known): &&mut (Stage, Measured)| {
            (*of, &known.part, &known.on) == (stage, &new.part, &new.on)
        };
        match models.iter_mut().find(same) {
            Some((_, known)) => known.join(new),
            None => models.push((stage, new.clone())),
        }
    }
    models.sort_by_key(|(stage, _)| *stage);
    write_bars(page, &models)
}

/// A bar for each point of each model, all on one axis.
fn write_bars(page: &mut String, models: &[(Stage, Measured)]) -> std::fmt::Result {
    let readings = || models.iter().flat_map(|(_, model)| model.points.values());
    let known: Vec<&Figure> =
        FIGURES.iter().filter(|figure| readings().any(|reading| (figure.of)(reading).is_some())).collect();
    let largest = readings().flat_map(|reading| known.iter().filter_map(|figure| (figure.of)(reading))).max();
    let Some(largest) = largest.filter(|largest| *largest > 0) else { return Ok(()) };
    // Round numbers of binary units along the axis.
    let tick = largest.div_ceil(4).next_power_of_two();
    let ticks = largest.div_ceil(tick);
    let along = |bytes: u64| bytes as f64 / (tick * ticks) as f64 * 1000.0;
    let grid: String = (1..ticks).map(|at| format!("M{:.1} 0V16", along(at * tick))).collect();
    page.push_str(
        "<section><h2>Memory by models</h2><p>The most at each point in the life of a model, over all videos; the number is what the process held.</p>\
         <div class=legend>",
    );
    known.iter().try_for_each(|Figure { name, told, .. }| {
        write!(page, "<span><i class='box bar {name}'></i>{told}</span>")
    })?;
    page.push_str("</div><div class='gantt bars'>");
    for (stage, model) in models {
        let (part, on) = (escape(&model.part), escape(&model.on));
        let runs = match model.runs {
            1 => "1 run".to_owned(),
            runs => format!("{runs} runs"),
        };
        write!(page, "<h3>{part} <small>{stage}, on {on}, {runs}</small></h3>")?;
        for (point, reading) in &model.points {
            let figures = || known.iter().filter_map(|figure| Some((figure, (figure.of)(reading)?)));
            let told: Vec<String> =
                figures().map(|(figure, bytes)| format!("{} {}", figure.told, Bytes(bytes))).collect();
            write!(
                page,
                "<div class=row><span class=lane>{point}</span><svg viewBox='0 0 1000 16' preserveAspectRatio=none \
                 role=img><title>{part} {point}: {}</title><path class=grid d='{grid}'/>",
                told.join(", "),
            )?;
            for (Figure { name, y, height, .. }, bytes) in figures() {
                let width = along(bytes);
                write!(
                    page,
                    "<rect class='{stage} bar {name}' x=0 y={y} width={width:.1} height={height}></rect>"
                )?;
            }
            write!(page, "</svg><span class=figure>{}</span></div>", Bytes(reading.resident))?;
        }
    }
    page.push_str("<div class=axis><span>0</span>");
    (1..=ticks).try_for_each(|at| write!(page, "<span>{}</span>", Bytes(at * tick)))?;
    page.push_str("</div></div></section>");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Arena, Point};

    /// What follows `name` in a tag, up to the next of `ends`.
    fn after<'a>(text: &'a str, name: &str, ends: &[char]) -> &'a str {
        let from = text.find(name).unwrap_or_else(|| panic!("no {name} in {text}")) + name.len();
        text[from..].split(ends).next().unwrap()
    }

    /// The figures of each row, by the lengths of its bars; and the whole axis, all in MiB.
    fn drawn(page: &str) -> (Vec<Vec<(String, f64)>>, f64) {
        let axis = page.rsplit("<span>").next().unwrap().split('<').next().unwrap();
        let axis = match axis.strip_suffix(" GiB") {
            Some(gib) => gib.parse::<f64>().unwrap() * 1024.0,
            None => axis.strip_suffix(" MiB").unwrap().parse().unwrap(),
        };
        let bar = |rect: &str| {
            let width: f64 = after(rect, "width=", &[' ']).parse().unwrap();
            (after(rect, " bar ", &['\'']).to_owned(), width / 1000.0 * axis)
        };
        let row = |row: &str| row.split("<rect ").skip(1).map(bar).collect();
        (page.split("<div class=row>").skip(1).map(row).collect(), axis)
    }

    fn model(part: &str, on: &str, readings: &[(Point, Reading)]) -> (Stage, Measured) {
        let points = readings.iter().copied().collect();
        (Stage::Images, Measured { part: part.into(), on: on.into(), runs: 2, points })
    }

    #[test]
    fn whatever_is_known_of_a_model_is_drawn_to_scale() {
        let mib = |count: u64| count << 20;
        let plain =
            Reading { resident: mib(207), peak: Some(mib(240)), tensors: mib(96), device: None, arena: None };
        let mut page = String::new();
        write_bars(&mut page, &[model("unet", "cpu", &[(Point::BeforeLoad, plain)])]).unwrap();
        let (rows, axis) = drawn(&page);
        assert_eq!((rows.len(), axis), (1, 256.0));
        assert!(!page.contains("arena") && !page.contains("card"), "nobody knows of these: {page}");

        let arena = Arena { held: mib(700), used: mib(10), most: mib(650) };
        let full = Reading { arena: Some(arena), device: Some(mib(3000)), ..plain };
        let mut page = String::new();
        let models = [
            model("unet", "cuda:0", &[(Point::AfterRun, full), (Point::BeforeLoad, plain)]),
            model("<b>", "cpu", &[(Point::AfterRelease, plain)]),
        ];
        write_bars(&mut page, &models).unwrap();
        let (rows, axis) = drawn(&page);
        assert_eq!(axis, 3.0 * 1024.0);
        let usual = [("peak", 240.0), ("process", 207.0), ("tensors", 96.0)];
        let more = [("arena", 700.0), ("device", 3000.0)];
        let expected = [&usual[..], &[usual.as_slice(), &more].concat(), &usual];
        assert_eq!(rows.len(), expected.len());
        for (row, expected) in rows.iter().zip(expected) {
            assert_eq!(row.len(), expected.len(), "{row:?}");
            for ((name, drawn), (known, mebibytes)) in row.iter().zip(expected) {
                assert!(name == known && (drawn - mebibytes).abs() < 1.0, "{row:?}");
            }
        }
        // The legend and the texts name what the bars are, and nothing of a model's name becomes part of the page.
        for told in ["the card's own memory, of all programs 2.9 GiB", "on cuda:0, 2 runs", "&lt;b&gt;"] {
            assert!(page.contains(told), "{told}: {page}");
        }
    }
}
