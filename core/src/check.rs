//! Discovery and observation, interleaved: the CodeCollections and the extra images are checked while the chart is fetched
//! and rendered, and the registry's token is fetched at the same time.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::catalog::Catalog;
use crate::chart;
use crate::config::{CodeCollectionSource, Config};
use crate::destination::Destination;
use crate::discover::{self, Category, Desired, Excluded, Exclusions, Owner, Undiscovered};
use crate::event::{Event, OnEvent};
use crate::name::Repository;
use crate::observe::{Observed, Observer};
use crate::registry::Sources;
use crate::wire::Wire;

/// Longest time that the chart's images wait for the list of the catalog.
const RESERVATION: Duration = Duration::from_secs(10);

/// The most connections that are opened ahead for extra images.
const MOST_AHEAD: usize = 8;

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
    pub listed: Listed,
}

/// Where the images come from, and which are left out.
#[derive(Default)]
pub struct Listed {
    /// Name and version of the chart, if one was rendered.
    pub chart: Option<String>,
    pub exclusions: Exclusions,
}

/// The images of one category.
#[derive(Default)]
struct Part {
    observed: Vec<Observed>,
    undiscovered: Vec<Undiscovered>,
    excluded: Vec<Excluded>,
    /// None if the list of images is not known.
    listed: Option<Category>,
    chart: Option<String>,
}

impl Check<'_> {
    /// Discovers and observes all images.
    pub async fn run(&self) -> Checked {
        (self.on_event)(Event::Listing(self.config.images.len()));
        let sources = Sources::new(self.wire, self.config.source_logins.clone());
        let catalog = Catalog::new(self.config, self.wire);
        let mut likely = BTreeSet::new();
        if self.config.images.contains(&Category::CodeCollection) {
            likely.extend(discover::wanted_codecollections(self.config));
        }
        // The images of a chart are known later than the CodeCollections, and then use the same connections, unless each
        // image needs several requests.
        let mut at_once = likely.len();
        if self.config.images.contains(&Category::RunWhenLocal) {
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
        if self.config.images.contains(&Category::Extra) {
            let of_user: Vec<_> = discover::extra_destinations(self.config).collect();
            // They are read at the same time as the CodeCollections.
            at_once += of_user.len().min(MOST_AHEAD);
            likely.extend(of_user);
        }
        let ((), collections, of_chart, of_user) = tokio::join!(
            self.destination.prepare(&likely, at_once),
            self.codecollections(&sources, &catalog, &likely),
            self.runwhen_local(&sources, &catalog),
            self.extra_images(&sources, &catalog),
        );
        self.joined([collections, of_chart, of_user])
    }

    /// Joins the parts, which are in the order of the plan.
    fn joined(&self, parts: impl IntoIterator<Item = Part>) -> Checked {
        let mut checked = Checked::default();
        let (mut excluded, mut known) = (Vec::new(), BTreeSet::new());
        for part in parts {
            let Part {
                observed,
                undiscovered,
                excluded: of_part,
                listed,
                chart,
            } = part;
            checked.observed.extend(observed);
            checked.undiscovered.extend(undiscovered);
            excluded.extend(of_part);
            known.extend(listed);
            checked.listed.chart = checked.listed.chart.or(chart);
        }
        checked.listed.exclusions = discover::exclusions(self.config, excluded, &known);
        checked
    }

    async fn codecollections(
        &self,
        sources: &Sources,
        catalog: &Catalog,
        prepared: &BTreeSet<Repository>,
    ) -> Part {
        let category = Category::CodeCollection;
        if !self.config.images.contains(&category) {
            return Part::default();
        }
        let mut listed = Some(category);
        let (desired, undiscovered) = match self.config.codecollection_source {
            CodeCollectionSource::Tags => (discover::codecollections(self.config), Vec::new()),
            CodeCollectionSource::Catalog => match catalog.list().await {
                Ok(listing) => discover::chosen_collections(self.config, listing),
                Err(problem) => {
                    let catalog = discover::undiscovered_catalog(self.config, problem);
                    listed = None;
                    (Vec::new(), vec![catalog])
                }
            },
        };
        let (desired, excluded) = discover::without_excluded(self.config, desired);
        let destinations = desired.iter().map(|desired| desired.destination.clone());
        let others = destinations.filter(|one| !prepared.contains(one)).collect();
        let ((), observed) = tokio::join!(
            self.destination.prepare(&others, 0),
            self.observe(sources, catalog, desired),
        );
        Part {
            observed,
            undiscovered,
            excluded,
            listed,
            chart: None,
        }
    }

    async fn runwhen_local(&self, sources: &Sources, catalog: &Catalog) -> Part {
        if !self.config.images.contains(&Category::RunWhenLocal) {
            return Part::default();
        }
        let (rendered, owners) = tokio::join!(
            chart::render(self.config, self.wire, sources),
            self.owners(catalog)
        );
        match rendered {
            Ok(rendered) => {
                let (desired, undiscovered, excluded) =
                    discover::runwhen_local(self.config, &rendered.images, &owners, self.started);
                Part {
                    observed: self.observe(sources, catalog, desired).await,
                    undiscovered,
                    excluded,
                    listed: Some(Category::RunWhenLocal),
                    chart: Some(rendered.title),
                }
            }
            Err(problem) => {
                (self.on_event)(Event::Listed(0));
                Part {
                    undiscovered: vec![discover::undiscovered_chart(self.config, problem)],
                    ..Part::default()
                }
            }
        }
    }

    async fn extra_images(&self, sources: &Sources, catalog: &Catalog) -> Part {
        let category = Category::Extra;
        if !self.config.images.contains(&category) {
            return Part::default();
        }
        let owners = self.owners(catalog).await;
        let (desired, undiscovered, excluded) =
            discover::extra_images(self.config, &owners, self.started);
        Part {
            observed: self.observe(sources, catalog, desired).await,
            undiscovered,
            excluded,
            listed: Some(category),
            chart: None,
        }
    }

    /// The CodeCollections whose repositories are reserved.
    async fn owners(&self, catalog: &Catalog) -> Vec<Owner> {
        let limit = self.wire.limit().for_image(RESERVATION);
        let listing = match self.config.codecollection_source {
            CodeCollectionSource::Tags => None,
            CodeCollectionSource::Catalog => match limit.guard(catalog.list()).await {
                Ok(listing) => Some(listing),
                Err(problem) => {
                    tracing::warn!(
                        "only the repositories of the CodeCollections that are known without the catalog are reserved: {problem}"
                    );
                    None
                }
            },
        };
        discover::owners(self.config, listing)
    }

    async fn observe(
        &self,
        sources: &Sources,
        catalog: &Catalog,
        desired: Vec<Desired>,
    ) -> Vec<Observed> {
        (self.on_event)(Event::Listed(desired.len()));
        let observer = Observer {
            config: self.config,
            sources,
            catalog,
            destination: self.destination,
            started: self.started,
        };
        let seen = |observed: &Observed| (self.on_event)(Event::Checked(observed));
        observer.observe(desired, &seen).await
    }
}
