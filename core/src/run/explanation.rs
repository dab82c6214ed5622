//! A run that explains images: a check, and for a named image the requests that a check does not need.

use super::{Entry, Run};
use crate::background::BackgroundReader;
use crate::clients::Clients;
use crate::explain::{self, Context, Explained};
use crate::wire::SetupError;

impl Run<'_> {
    /// Checks every image, and explains those that a name means in full; without a name, all of them briefly.
    ///
    /// # Errors
    /// If no connection can be set up at all.
    pub async fn explain(&self, name: Option<&str>) -> Result<Explained, SetupError> {
        let clients = Clients::new(self.config, &self.limit)?;
        let (plan, listed) = self.plan(&clients, &self.limit, self.on_event).await;
        let registry = clients.login_server(self.config).await;
        let context = Context {
            registry: &registry,
            platform: &self.config.architecture,
            now: self.started,
        };
        let Some(name) = name else {
            return Ok(Explained::Images(explain::briefly(&plan, &context)));
        };
        let entries = explain::matching(&plan, &registry, name);
        if entries.is_empty() {
            return Ok(explain::no_such_image(
                &plan,
                &listed.exclusions,
                &registry,
                name,
            ));
        }
        let reader = BackgroundReader {
            config: self.config,
            wire: &clients.wire,
            destination: &clients.destination,
            started: self.started,
        };
        let is_of_chart = |entry: &&Entry| !entry.observed.desired.wanted_by.is_empty();
        let charts = match entries.iter().any(is_of_chart) {
            true => reader.charts().await,
            false => Vec::new(),
        };
        let mut explanations = Vec::new();
        for entry in entries {
            let background = reader.of_image(&entry.observed).await;
            explanations.push(explain::in_full(entry, &background, &charts, &context));
        }
        Ok(Explained::Images(explanations))
    }
}
