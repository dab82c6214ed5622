//! Discovery and observation, interleaved: the CodeCollections are checked while the chart is fetched and rendered, and
//! the registry's token is fetched at the same time.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::chart;
use crate::config::Config;
use crate::destination::Destination;
use crate::discover::{self, Category, Desired, Undiscovered};
use crate::event::{Event, OnEvent};
use crate::observe::{Observed, Observer};
use crate::registry::Sources;
use crate::wire::Wire;

/// The inputs of a check.
pub struct Check<'a> {
    pub config: &'a Config,
    pub wire: &'a Wire,
    pub destination: &'a Destination,
    pub started: DateTime<Utc>,
    pub on_event: OnEvent<'a>,
}

/// The result of a check.
#[derive(Default)]
pub struct Checked {
    pub observed: Vec<Observed>,
    pub undiscovered: Vec<Undiscovered>,
    /// Name and version of the chart, if one was rendered.
    pub chart: Option<String>,
}

impl Check<'_> {
    /// Discovers and observes all images.
    pub async fn run(&self) -> Checked {
        let sources = Sources::new(self.wire, self.config.docker.clone());
        let codecollections = discover::codecollections(self.config);
        let mut likely: BTreeSet<_> = codecollections
            .iter()
            .map(|desired| desired.destination.clone())
            .collect();
        if self.config.images.contains(&Category::RunWhenLocal) {
            likely.extend(discover::likely_destinations(self.config));
        }
        let ((), observed, mut checked) = tokio::join!(
            self.destination.prepare(&likely),
            self.observe(&sources, codecollections),
            self.runwhen_local(&sources),
        );
        checked.observed.extend(observed);
        checked
    }

    async fn runwhen_local(&self, sources: &Sources) -> Checked {
        if !self.config.images.contains(&Category::RunWhenLocal) {
            return Checked::default();
        }
        match chart::render(self.config, self.wire, sources).await {
            Ok(rendered) => {
                let (desired, undiscovered) =
                    discover::runwhen_local(self.config, &rendered.images, self.started);
                Checked {
                    observed: self.observe(sources, desired).await,
                    undiscovered,
                    chart: Some(rendered.title),
                }
            }
            Err(problem) => Checked {
                undiscovered: vec![discover::undiscovered_chart(self.config, problem)],
                ..Checked::default()
            },
        }
    }

    async fn observe(&self, sources: &Sources, desired: Vec<Desired>) -> Vec<Observed> {
        (self.on_event)(Event::Checking(desired.len()));
        let observer = Observer {
            config: self.config,
            sources,
            destination: self.destination,
            started: self.started,
        };
        let seen = |observed: &Observed| (self.on_event)(Event::Checked(observed));
        observer.observe(desired, &seen).await
    }
}
