//! A run that explains images: a check, and for a named image the requests that a check does not need.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Entry, Plan, Run};
use crate::background::BackgroundReader;
use crate::clients::{Clients, login_server};
use crate::destination::Destination;
use crate::discover::Category;
use crate::explain::{self, Chapter, Context, Explained, Meant};
use crate::wire::SetupError;

impl Run<'_> {
    /// Checks every image, and explains those that a name means in full; without a name, all of them briefly.
    ///
    /// # Errors
    /// If no connection can be set up at all.
    pub async fn explain(&self, name: Option<&str>) -> Result<Explained, SetupError> {
        let clients = Clients::new(self.config, &self.limit)?;
        let planned = self.each(&clients, &self.limit, self.on_event, async |_, plan| plan);
        let (plans, listed) = planned.await;
        let mut registries = Vec::new();
        for (_, target, destination) in clients.targets(self.config) {
            registries.push(login_server(target, destination).await);
        }
        let Some(name) = name else {
            let plans = registries.iter().zip(&plans);
            let chapter = |(registry, plan): (&String, &Plan)| Chapter {
                registry: registry.clone(),
                images: explain::briefly(plan, &self.context(registry)),
            };
            return Ok(Explained::Images(plans.map(chapter).collect()));
        };
        let servers = registries.iter().map(String::as_str);
        let checked: Vec<_> = servers.zip(&plans).collect();
        let meant = match explain::meant(&checked, &listed.exclusions, name) {
            Meant::Images(meant) => meant,
            Meant::Nothing(explained) => return Ok(explained),
        };
        let found = registries.iter().zip(meant).zip(&clients.destinations);
        let found =
            found.map(|((registry, entries), destination)| (registry, entries, destination));
        let found = found
            .filter(|(_, entries, _)| !entries.is_empty())
            .collect();
        Ok(Explained::Images(self.chapters(&clients, found).await))
    }

    /// The images of each registry in full. Chart and sources are read once for all registries.
    async fn chapters(
        &self,
        clients: &Clients,
        found: Vec<(&String, Vec<&Entry>, &Arc<Destination>)>,
    ) -> Vec<Chapter> {
        let reader = BackgroundReader {
            config: self.config,
            wire: &clients.wire,
            started: self.started,
        };
        let is_of_chart =
            |entry: &Entry| entry.observed.desired.category != Category::CodeCollection;
        let mut entries = found.iter().flat_map(|(_, entries, _)| entries);
        let charts = match entries.any(|entry| is_of_chart(entry)) {
            true => reader.charts().await,
            false => Vec::new(),
        };
        let mut sources = BTreeMap::new();
        let mut chapters = Vec::new();
        for (registry, entries, destination) in found {
            let mut images = Vec::new();
            for entry in entries {
                let desired = &entry.observed.desired;
                let key = (desired.source.clone(), desired.wanted.clone());
                if !sources.contains_key(&key) {
                    sources.insert(key.clone(), reader.of_source(&entry.observed).await);
                }
                let source = sources.get(&key).cloned().unwrap_or_default();
                let background = reader.of_image(&entry.observed, source, destination).await;
                let charts: &[_] = match is_of_chart(entry) {
                    true => &charts,
                    false => &[],
                };
                let context = self.context(registry);
                images.push(explain::in_full(entry, &background, charts, &context));
            }
            let registry = registry.clone();
            chapters.push(Chapter { registry, images });
        }
        chapters
    }

    fn context<'a>(&'a self, registry: &'a str) -> Context<'a> {
        Context {
            registry,
            platform: &self.config.architecture,
            now: self.started,
        }
    }
}
