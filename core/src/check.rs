//! Discovery and observation, interleaved: the CodeCollections are checked while the chart is fetched and rendered, and
//! the registry's token is fetched at the same time.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::chart;
use crate::config::Config;
use crate::destination::Destination;
use crate::discover::{self, Desired, Undiscovered};
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
        // The images of a chart are known later than the CodeCollections, and then use the same connections, unless each
        // image needs several requests.
        let mut at_once = likely.len();
        if discover::wants_runwhen_local(self.config) {
            let of_chart = discover::likely_destinations(self.config);
            at_once = if self.config.verify_children {
                at_once + of_chart.len()
            } else {
                at_once.max(of_chart.len())
            };
            likely.extend(of_chart);
            chart::prepare(self.config, self.wire);
            for image in discover::likely_sources(self.config) {
                sources.prepare(&image);
            }
        }
        let ((), observed, mut checked) = tokio::join!(
            self.destination.prepare(&likely, at_once),
            self.observe(&sources, codecollections),
            self.runwhen_local(&sources),
        );
        checked.observed.extend(observed);
        checked
    }

    async fn runwhen_local(&self, sources: &Sources) -> Checked {
        if !discover::wants_runwhen_local(self.config) {
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
