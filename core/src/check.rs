//! Discovery and observation, interleaved: the CodeCollections are checked while the charts are fetched and rendered, and
//! the registry's token is fetched at the same time.
//!
//! Each source of images is a part, and the parts do not wait for each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::join_all;

use crate::catalog::Catalog;
use crate::chart;
use crate::config::{ChartRequest, CodeCollectionSource, Config};
use crate::destination::Destination;
use crate::discover::{
    self, Category, Desired, Excluded, Exclusions, Owner, TagSelector, Undiscovered,
};
use crate::event::{Event, OnEvent};
use crate::name::{ImageName, Repository};
use crate::observe::{Observed, Observer};
use crate::registry::Sources;
use crate::wire::Wire;

/// Longest time that the chart's images wait for the list of the catalog.
const RESERVATION: Duration = Duration::from_secs(10);

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
    /// Name and version of the RunWhen Local chart, if it was rendered.
    pub chart: Option<String>,
    /// Name and version of each other chart that was rendered.
    pub extra_charts: Vec<String>,
    pub exclusions: Exclusions,
}

/// The images of one source.
struct Part {
    category: Category,
    observed: Vec<Observed>,
    /// Images that another part has already begun to observe.
    repeated: Vec<Desired>,
    undiscovered: Vec<Undiscovered>,
    excluded: Vec<Excluded>,
    /// False if the list of images is not known.
    is_listed: bool,
    chart: Option<String>,
}

impl Part {
    fn empty(category: Category) -> Self {
        Self {
            category,
            observed: Vec::new(),
            repeated: Vec::new(),
            undiscovered: Vec::new(),
            excluded: Vec::new(),
            is_listed: true,
            chart: None,
        }
    }

    /// A source whose images are not known.
    fn unknown(undiscovered: Undiscovered) -> Self {
        let category = undiscovered.category;
        Self {
            undiscovered: vec![undiscovered],
            is_listed: false,
            ..Self::empty(category)
        }
    }
}

/// An image at its destination. Two charts may name the same one, which is observed once.
type Place = (ImageName, TagSelector, Repository);

fn place(desired: &Desired) -> Place {
    let Desired {
        category: _,
        source,
        wanted,
        destination,
        wanted_by: _,
    } = desired;
    (source.clone(), wanted.clone(), destination.clone())
}

/// The clients that the parts share, and the images that a part observes.
struct Shared<'a> {
    sources: &'a Sources,
    catalog: &'a Catalog,
    begun: Mutex<BTreeSet<Place>>,
}

impl Check<'_> {
    /// Discovers and observes all images.
    pub async fn run(&self) -> Checked {
        let charts: Vec<_> = self.config.wanted_charts().collect();
        let images = &self.config.images;
        let collections = images.contains(&Category::CodeCollection);
        (self.on_event)(Event::Listing(charts.len() + usize::from(collections)));
        let sources = Sources::new(self.wire, self.config.source_logins.clone());
        let catalog = Catalog::new(self.config, self.wire);
        let shared = Shared {
            sources: &sources,
            catalog: &catalog,
            begun: Mutex::default(),
        };
        let mut likely = BTreeSet::new();
        if collections {
            likely.extend(discover::wanted_codecollections(self.config));
        }
        // The images of a chart are known later than the CodeCollections, and then use the same connections, unless each
        // image needs several requests.
        let mut at_once = likely.len();
        if images.contains(&Category::RunWhenLocal) {
            let of_chart = discover::likely_destinations(self.config);
            at_once = if self.config.verify_children {
                at_once + of_chart.len()
            } else {
                at_once.max(of_chart.len())
            };
            likely.extend(of_chart);
            chart::prepare(&self.config.chart, self.wire);
            for image in discover::likely_sources(self.config) {
                sources.prepare(&image);
            }
        }
        let of_charts = charts
            .iter()
            .map(|chart| self.chart(&shared, chart, &likely));
        let ((), collections, of_charts) = tokio::join!(
            self.destination.prepare(&likely, at_once),
            self.codecollections(&shared, &likely),
            join_all(of_charts),
        );
        // The catalog comes before the charts, as in the plan.
        self.joined(collections.into_iter().chain(of_charts).collect())
    }

    fn joined(&self, parts: Vec<Part>) -> Checked {
        let mut uses = Uses::of(&parts);
        let unlisted: BTreeSet<_> = categories(parts.iter().filter(|part| !part.is_listed));
        let mut listed = categories(parts.iter());
        listed.retain(|category| !unlisted.contains(category));
        let mut checked = Checked::default();
        let mut excluded: Vec<Excluded> = Vec::new();
        for part in parts {
            let Part {
                category,
                observed,
                repeated: _,
                undiscovered,
                excluded: of_part,
                is_listed: _,
                chart,
            } = part;
            let observed = observed.into_iter().map(|image| uses.complete(image));
            checked.observed.extend(observed);
            checked.undiscovered.extend(undiscovered);
            for one in of_part {
                if !excluded.contains(&one) {
                    excluded.push(one);
                }
            }
            match category {
                Category::CodeCollection | Category::RunWhenLocal => {
                    checked.listed.chart = checked.listed.chart.or(chart);
                }
                Category::Extra => checked.listed.extra_charts.extend(chart),
            }
        }
        checked.listed.exclusions = discover::exclusions(self.config, excluded, &listed);
        checked
    }

    /// `None` if the CodeCollections are not wanted.
    async fn codecollections(
        &self,
        shared: &Shared<'_>,
        prepared: &BTreeSet<Repository>,
    ) -> Option<Part> {
        let category = Category::CodeCollection;
        if !self.config.images.contains(&category) {
            return None;
        }
        let (desired, undiscovered) = match self.config.codecollection_source {
            CodeCollectionSource::Tags => (discover::codecollections(self.config), Vec::new()),
            CodeCollectionSource::Catalog => match shared.catalog.list().await {
                Ok(listing) => discover::chosen_collections(self.config, listing),
                Err(problem) => {
                    (self.on_event)(Event::Listed(0));
                    let catalog = discover::undiscovered_catalog(self.config, problem);
                    return Some(Part::unknown(catalog));
                }
            },
        };
        let (desired, excluded) = discover::without_excluded(self.config, desired);
        let (observed, repeated) = self.observe_all(shared, desired, prepared).await;
        Some(Part {
            observed,
            repeated,
            undiscovered,
            excluded,
            ..Part::empty(category)
        })
    }

    async fn chart(
        &self,
        shared: &Shared<'_>,
        chart: &ChartRequest,
        prepared: &BTreeSet<Repository>,
    ) -> Part {
        let (rendered, owners) = tokio::join!(
            chart::render(chart, self.wire, shared.sources),
            self.owners(shared.catalog)
        );
        let rendered = match rendered {
            Ok(rendered) => rendered,
            Err(problem) => {
                (self.on_event)(Event::Listed(0));
                return Part::unknown(discover::undiscovered_chart(chart, problem));
            }
        };
        let (desired, undiscovered, excluded) =
            discover::of_chart(self.config, chart, &rendered.found, &owners, self.started);
        let (observed, repeated) = self.observe_all(shared, desired, prepared).await;
        Part {
            observed,
            repeated,
            undiscovered,
            excluded,
            chart: Some(rendered.title),
            ..Part::empty(chart.origin.category())
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

    /// [`observe`](Self::observe), with one token for all destinations that are not prepared.
    async fn observe_all(
        &self,
        shared: &Shared<'_>,
        desired: Vec<Desired>,
        prepared: &BTreeSet<Repository>,
    ) -> (Vec<Observed>, Vec<Desired>) {
        let destinations = desired.iter().map(|desired| desired.destination.clone());
        let others = destinations.filter(|one| !prepared.contains(one)).collect();
        let ((), found) = tokio::join!(
            self.destination.prepare(&others, 0),
            self.observe(shared, desired),
        );
        found
    }

    /// Observes the images that no other part observes. Also returns the others.
    async fn observe(
        &self,
        shared: &Shared<'_>,
        desired: Vec<Desired>,
    ) -> (Vec<Observed>, Vec<Desired>) {
        let (begin, repeated): (Vec<_>, Vec<_>) = {
            let mut begun = shared.begun.lock().unwrap_or_else(PoisonError::into_inner);
            let is_new = |one: &Desired| begun.insert(place(one));
            desired.into_iter().partition(is_new)
        };
        (self.on_event)(Event::Listed(begin.len()));
        let observer = Observer {
            config: self.config,
            sources: shared.sources,
            catalog: shared.catalog,
            destination: self.destination,
            started: self.started,
        };
        let seen = |observed: &Observed| (self.on_event)(Event::Checked(observed));
        (observer.observe(begin, &seen).await, repeated)
    }
}

fn categories<'a>(parts: impl Iterator<Item = &'a Part>) -> BTreeSet<Category> {
    parts.map(|part| part.category).collect()
}

/// The uses of images that several parts name, in the order of the parts: whichever part was the first to observe the image.
struct Uses(BTreeMap<Place, Vec<(Category, Vec<String>)>>);

impl Uses {
    fn of(parts: &[Part]) -> Self {
        let mut repeated = parts.iter().flat_map(|part| &part.repeated).peekable();
        if repeated.peek().is_none() {
            return Self(BTreeMap::new());
        }
        let mut uses: BTreeMap<_, Vec<_>> = repeated.map(|one| (place(one), Vec::new())).collect();
        for part in parts {
            let observed = part.observed.iter().map(|observed| &observed.desired);
            for one in observed.chain(&part.repeated) {
                if let Some(uses) = uses.get_mut(&place(one)) {
                    uses.push((one.category, one.wanted_by.clone()));
                }
            }
        }
        Self(uses)
    }

    /// The image with the uses of all parts, in the category of the first part that names it.
    fn complete(&mut self, mut observed: Observed) -> Observed {
        let Some(uses) = self.0.remove(&place(&observed.desired)) else {
            return observed;
        };
        if let Some((category, _)) = uses.first() {
            observed.desired.category = *category;
        }
        let mut wanted_by: Vec<String> = Vec::new();
        for one in uses.into_iter().flat_map(|(_, wanted_by)| wanted_by) {
            if !wanted_by.contains(&one) {
                wanted_by.push(one);
            }
        }
        observed.desired.wanted_by = wanted_by;
        observed
    }
}
