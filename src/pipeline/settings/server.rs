//! A server that a stage asks.

use std::time::Duration;

use serde::Serialize;

use crate::pipeline::{
    fields::Fields,
    kind::{count, duration, name, number},
};

/// Which server, and how patiently and dearly it is asked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Server {
    /// Its base address.
    pub url: String,
    /// The server's name of the model.
    pub model: String,
    /// The environment variable that holds the key; none for a server that wants none.
    pub key: Option<String>,
    /// How long one request may take.
    pub timeout: Duration,
    /// How often a request is tried again.
    pub retries: u32,
    /// The most that one video may cost, in the currency of the prices; none is no limit.
    pub max_cost: Option<f64>,
    /// Whether the network is forbidden: said with `--offline`, not in files.
    pub offline: bool,
}

impl Server {
    pub(super) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let url = fields.get("url", &name("a server's address as `http://localhost:8880/v1`"));
        let model = fields.get("model", &name("the server's name of the model"));
        let key = name("the environment variable that holds the key, or `none`");
        let key = fields.get("key", &key.map(|name| (name != "none").then_some(name)));
        let second = Duration::from_secs(1);
        let timeout = fields.get("timeout", &duration(second..=second * 3600));
        let retries = fields.get("retries", &count(0..=20));
        let max_cost = fields.optional("max_cost", &number(0.0..=1e6));
        Some(Self {
            url: url?,
            model: model?,
            key: key?,
            timeout: timeout?,
            retries: retries?,
            max_cost: max_cost?,
            offline: false,
        })
    }
}
