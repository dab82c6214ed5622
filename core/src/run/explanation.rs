//! A run that explains images: a check, and for a named image the requests that a check does not need.

use super::{Entry, Run};
use crate::background::BackgroundReader;
use crate::clients::Clients;
use crate::discover::Category;
use crate::explain::{self, Context, Explained, Given, Meant};
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
        let chart = &self.config.chart;
        let context = Context {
            registry: &registry,
            platform: &self.config.architecture,
            now: self.started,
            given: Given {
                set: chart.set.tree(),
                all: chart.values.tree(),
            },
        };
        let Some(name) = name else {
            return Ok(Explained::Images(explain::briefly(&plan, &context)));
        };
        let entries = match explain::meant(&plan, &listed.exclusions, &registry, name) {
            Meant::Images(entries) => entries,
            Meant::Nothing(explained) => return Ok(explained),
        };
        let reader = BackgroundReader {
            config: self.config,
            wire: &clients.wire,
            destination: &clients.destination,
            started: self.started,
        };
        let is_of_chart =
            |entry: &&Entry| entry.observed.desired.category == Category::RunWhenLocal;
        let content = match entries.iter().any(&is_of_chart) {
            true => Some(reader.chart().await),
            false => None,
        };
        let mut explanations = Vec::new();
        for entry in entries {
            let background = reader.of_image(&entry.observed).await;
            let content = content.as_ref().filter(|_| is_of_chart(&entry));
            explanations.push(explain::in_full(entry, &background, content, &context));
        }
        Ok(Explained::Images(explanations))
    }
}
