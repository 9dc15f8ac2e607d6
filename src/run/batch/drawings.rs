//! The drawings of the report: time by lanes, memory over time, and memory by models.

use std::fmt::Write;

use super::{
    Lane, Report, Span,
    html::{escape, took},
    report::{MemoryAt, RunReport},
};
use crate::{
    engine::{Bytes, Measured, Point},
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

/// What each model took at the points of its life: a row of bars each, over all videos.
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
    let largest = models.iter().flat_map(|(_, model)| model.points.values()).map(|r| r.resident).max();
    let Some(largest) = largest.filter(|largest| *largest > 0) else { return Ok(()) };
    write!(
        page,
        "<section><h2>Memory by models</h2><p>What the process held at most, from the top: before each was \
         loaded, after it, before it ran, after it, after it was given back, and on errors. The dark part is what \
         ONNX Runtime held of it; a whole row is {}.</p><div class=gantt>",
        Bytes(largest)
    )?;
    models.sort_by_key(|(stage, _)| *stage);
    for (stage, model) in &models {
        write!(
            page,
            "<div class=row><span class=lane>{} <small>{}</small></span>\
             <svg style='height:44px' viewBox='0 0 1000 30' preserveAspectRatio=none role=img aria-label='memory of {}'>",
            escape(&model.part),
            escape(&model.on),
            escape(&model.part),
        )?;
        for (at, point) in Point::ALL.iter().enumerate() {
            let Some(reading) = model.points.get(point) else { continue };
            let width = |bytes: u64| bytes as f64 / largest as f64 * 1000.0;
            let y = at * 5;
            write!(
                page,
                "<g><rect class={stage} x=0 y={y} width={:.1} height=4 opacity=.45></rect>\
                 <rect class={stage} x=0 y={y} width={:.1} height=4></rect><title>{}: {} {point}, {} of it for tensors</title></g>",
                width(reading.resident),
                width(reading.tensors),
                escape(&model.part),
                Bytes(reading.resident),
                Bytes(reading.tensors),
            )?;
        }
        page.push_str("</svg></div>");
    }
    page.push_str("</div></section>");
    Ok(())
}
