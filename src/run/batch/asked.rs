//! Which servers were asked for a video, how often, and what that costs by the pipeline's own prices.

use serde::{Deserialize, Serialize};

use crate::{
    pipeline::{DirectorEngine, VoiceEngine},
    run::{Job, StageRecord},
    stages::Stage,
};

/// What a server did for a video.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// Its address.
    pub server: String,
    /// For which stage.
    pub stage: Stage,
    /// Sentences or storyboards it made; what lay in the store it was not asked for.
    pub times: usize,
    /// What that costs, about, in the currency of the pipeline's prices; none where it names no price.
    pub cost: Option<f64>,
}

impl Asked {
    /// What was asked for the video of `job`, whose stages went so.
    pub(super) fn of(job: &Job, stages: &[StageRecord]) -> Vec<Self> {
        if job.machine.draft {
            return Vec::new();
        }
        let made =
            |stage| stages.iter().filter(|record| record.stage == stage).map(|r| r.made).sum::<usize>();
        let mut asked = Vec::new();
        let (narration, scenes) = (&job.pipeline.narration, &job.pipeline.scenes);
        let beats = &job.script.beats;
        if narration.engine == VoiceEngine::Remote {
            let characters: usize = beats.iter().map(|beat| beat.text.chars().count()).sum();
            let share = made(Stage::Narration) as f64 / beats.len().max(1) as f64;
            let price = narration.remote.price;
            asked.push(Self {
                server: narration.remote.server.url.clone(),
                stage: Stage::Narration,
                times: made(Stage::Narration),
                cost: (price > 0.0).then_some(price * characters as f64 * share / 1e6),
            });
        }
        if scenes.engine == DirectorEngine::Llm {
            asked.push(Self {
                server: scenes.llm.server.url.clone(),
                stage: Stage::Scenes,
                times: made(Stage::Scenes),
                cost: None,
            });
        }
        asked.retain(|asked| asked.times > 0);
        asked
    }
}

/// In words, for the report: all that was asked of servers.
pub(super) fn told<'a>(all: impl Iterator<Item = &'a Asked>) -> String {
    let mut servers = std::collections::BTreeMap::<(&str, Stage), (usize, Option<f64>)>::new();
    for asked in all {
        let (times, cost) = servers.entry((&asked.server, asked.stage)).or_default();
        *times += asked.times;
        *cost = asked.cost.map(|new| cost.unwrap_or(0.0) + new).or(*cost);
    }
    let told = servers.into_iter().map(|((server, stage), (times, cost))| {
        let what = if stage == Stage::Narration { "sentence" } else { "storyboard" };
        let cost = match cost {
            Some(cost) => format!("about {cost:.4} by the pipeline's price"),
            None => "the pipeline names no price for that".to_owned(),
        };
        format!("{server} was asked for {}: {cost}", crate::run::count(times, what))
    });
    let told: Vec<String> = told.collect();
    match told.is_empty() {
        true => "no server was asked for anything".to_owned(),
        false => told.join("; "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_added_by_server() {
        let asked = |server: &str, stage, times, cost| Asked { server: server.into(), stage, times, cost };
        let all = [
            asked("http://a/v1", Stage::Narration, 3, Some(0.25)),
            asked("http://a/v1", Stage::Narration, 1, Some(0.5)),
            asked("http://b/v1", Stage::Scenes, 1, None),
        ];
        assert_eq!(
            told(all.iter()),
            "http://a/v1 was asked for 4 sentences: about 0.7500 by the pipeline's price; \
             http://b/v1 was asked for 1 storyboard: the pipeline names no price for that"
        );
        assert_eq!(told([].iter()), "no server was asked for anything");
    }
}
