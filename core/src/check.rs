//! Discovery and observation, interleaved: the CodeCollections and the extra images are checked while the chart is fetched
//! and rendered, and the registry's token is fetched at the same time.
//!
//! Each list and each source is a future that all targets share: the first one that needs it sends its requests.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::FutureExt as _;
use futures_util::future::{LocalBoxFuture, Shared, join_all};

use crate::catalog::Catalog;
use crate::chart;
use crate::config::{CodeCollectionSource, Config, TargetId};
use crate::destination::Destination;
use crate::discover::{self, Category, Desired, Excluded, Exclusions, Owner, Undiscovered};
use crate::event::{Event, OnEvent};
use crate::name::Repository;
use crate::observe::{AtSource, Observed, Observer};
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
    /// In the order of the targets.
    pub destinations: &'a [Arc<Destination>],
    pub started: DateTime<Utc>,
    pub on_event: OnEvent<'a>,
}

/// The result of a check for one target.
#[derive(Default)]
pub struct Checked {
    pub observed: Vec<Observed>,
    pub undiscovered: Vec<Undiscovered>,
    pub listed: Listed,
}

/// Where the images come from, and which are left out.
#[derive(Clone, Default)]
pub struct Listed {
    /// Name and version of the chart, if one was rendered.
    pub chart: Option<String>,
    pub exclusions: Exclusions,
}

/// The images of one category, which is listed once for all targets.
#[derive(Default)]
struct List<'a> {
    /// Each is read at its source once, when the first target needs it.
    images: Vec<Shared<LocalBoxFuture<'a, Arc<AtSource<'a>>>>>,
    /// Destinations whose tokens are not requested yet.
    unprepared: BTreeSet<Repository>,
    undiscovered: Vec<Undiscovered>,
    excluded: Vec<Excluded>,
    /// None if the list of images is not known.
    listed: Option<Category>,
    chart: Option<String>,
}

impl Check<'_> {
    /// Discovers the images and reads the sources once, and checks all targets concurrently. Each target continues with `then`
    /// when its own check ends, so that a slow registry does not delay the others.
    pub async fn run<T, F: Future<Output = T>>(
        &self,
        then: impl Fn(TargetId, Checked) -> F,
    ) -> Vec<T> {
        (self.on_event)(Event::Listing(self.config.images.len()));
        let sources = Sources::new(self.wire, self.config.source_logins.clone());
        let catalog = Catalog::new(self.config, self.wire);
        let observer = Observer {
            config: self.config,
            sources: &sources,
            catalog: &catalog,
            started: self.started,
        };
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
        // In the order of the plan.
        let lists = [
            self.codecollections(&observer, &likely).boxed_local(),
            self.runwhen_local(&observer).boxed_local(),
            self.extra_images(&observer).boxed_local(),
        ];
        let lists = lists.map(|list| list.map(Arc::new).boxed_local().shared());
        let ids = TargetId::all(self.destinations.len());
        let targets = ids.zip(self.destinations).map(|(target, destination)| {
            let lists = lists.clone();
            let (observer, likely, then) = (&observer, &likely, &then);
            async move {
                let check = |list| self.target(target, destination, observer, list);
                let ((), checked) = tokio::join!(
                    destination.prepare(likely, at_once),
                    join_all(lists.map(check)),
                );
                then(target, self.joined(checked)).await
            }
        });
        join_all(targets).await
    }

    /// The images of a list at one target.
    async fn target<'a, L>(
        &self,
        target: TargetId,
        destination: &Destination,
        observer: &Observer<'_>,
        list: L,
    ) -> (Arc<List<'a>>, Vec<Observed>)
    where
        L: Future<Output = Arc<List<'a>>>,
    {
        let list = list.await;
        let prepare = async {
            if !list.unprepared.is_empty() {
                destination.prepare(&list.unprepared, 0).await;
            }
        };
        let images = list.images.iter().map(|image| async {
            let image = image.clone().await;
            let observed = observer.observe(&image, destination).await;
            (self.on_event)(Event::Checked(target, &observed));
            observed
        });
        let ((), observed) = tokio::join!(prepare, join_all(images));
        (list, observed)
    }

    /// Joins the lists, which are in the order of the plan.
    fn joined(&self, lists: Vec<(Arc<List<'_>>, Vec<Observed>)>) -> Checked {
        let mut checked = Checked::default();
        let (mut excluded, mut known) = (Vec::new(), BTreeSet::new());
        for (list, observed) in lists {
            checked.observed.extend(observed);
            checked
                .undiscovered
                .extend(list.undiscovered.iter().cloned());
            excluded.extend(list.excluded.iter().cloned());
            known.extend(list.listed);
            if let Some(chart) = &list.chart {
                checked.listed.chart = Some(chart.clone());
            }
        }
        checked.listed.exclusions = discover::exclusions(self.config, excluded, &known);
        checked
    }

    async fn codecollections<'a>(
        &self,
        observer: &'a Observer<'a>,
        prepared: &BTreeSet<Repository>,
    ) -> List<'a> {
        let category = Category::CodeCollection;
        if !self.config.images.contains(&category) {
            return List::default();
        }
        let mut listed = Some(category);
        let (desired, undiscovered) = match self.config.codecollection_source {
            CodeCollectionSource::Tags => (discover::codecollections(self.config), Vec::new()),
            CodeCollectionSource::Catalog => match observer.catalog.list().await {
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
        List {
            unprepared: destinations.filter(|one| !prepared.contains(one)).collect(),
            images: self.images(observer, desired),
            undiscovered,
            excluded,
            listed,
            chart: None,
        }
    }

    async fn runwhen_local<'a>(&self, observer: &'a Observer<'a>) -> List<'a> {
        if !self.config.images.contains(&Category::RunWhenLocal) {
            return List::default();
        }
        let (rendered, owners) = tokio::join!(
            chart::render(self.config, self.wire, observer.sources),
            self.owners(observer.catalog)
        );
        match rendered {
            Ok(rendered) => {
                let (desired, undiscovered, excluded) =
                    discover::runwhen_local(self.config, &rendered.images, &owners, self.started);
                List {
                    images: self.images(observer, desired),
                    unprepared: BTreeSet::new(),
                    undiscovered,
                    excluded,
                    listed: Some(Category::RunWhenLocal),
                    chart: Some(rendered.title),
                }
            }
            Err(problem) => {
                (self.on_event)(Event::Listed(0));
                List {
                    undiscovered: vec![discover::undiscovered_chart(self.config, problem)],
                    ..List::default()
                }
            }
        }
    }

    async fn extra_images<'a>(&self, observer: &'a Observer<'a>) -> List<'a> {
        let category = Category::Extra;
        if !self.config.images.contains(&category) {
            return List::default();
        }
        let owners = self.owners(observer.catalog).await;
        let (desired, undiscovered, excluded) =
            discover::extra_images(self.config, &owners, self.started);
        List {
            images: self.images(observer, desired),
            unprepared: BTreeSet::new(),
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

    fn images<'a>(
        &self,
        observer: &'a Observer<'a>,
        desired: Vec<Desired>,
    ) -> Vec<Shared<LocalBoxFuture<'a, Arc<AtSource<'a>>>>> {
        (self.on_event)(Event::Listed(desired.len() * self.destinations.len()));
        let images = desired.into_iter().map(|desired| {
            let image = observer.at_source(desired).map(Arc::new);
            image.boxed_local().shared()
        });
        images.collect()
    }
}
