//! Discovery and observation, interleaved: the CodeCollections and the extra images are checked while the charts are fetched
//! and rendered, and the registry's token is fetched at the same time.
//!
//! Each list and each source is a future that all targets share: the first one that needs it sends its requests.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::FutureExt as _;
use futures_util::future::{LocalBoxFuture, Shared, join_all};
use tokio::sync::OnceCell;

use crate::catalog::Catalog;
use crate::chart;
use crate::config::{ChartRequest, CodeCollectionSource, Config, TargetId};
use crate::destination::Destination;
use crate::discover::{
    self, Category, Desired, Excluded, Exclusions, Owner, TagSelector, Undiscovered,
};
use crate::event::{Event, OnEvent};
use crate::name::{ImageName, Repository};
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
    /// Name and version of the RunWhen Local chart, if it was rendered.
    pub chart: Option<String>,
    /// Name and version of each other chart that was rendered.
    pub extra_charts: Vec<String>,
    pub exclusions: Exclusions,
}

/// An image, which is read at its source once, when the first target needs it.
type Image<'a> = Shared<LocalBoxFuture<'a, Arc<AtSource<'a>>>>;

/// The images of one source, such as a chart, which is listed once for all targets.
struct List<'a> {
    category: Category,
    images: Vec<Image<'a>>,
    /// Images that another list has too: they are observed once.
    repeated: Vec<Desired>,
    /// Destinations whose tokens are not requested yet.
    unprepared: BTreeSet<Repository>,
    undiscovered: Vec<Undiscovered>,
    excluded: Vec<Excluded>,
    /// False if the list of images is not known.
    is_known: bool,
    chart: Option<String>,
}

impl List<'_> {
    fn empty(category: Category) -> Self {
        Self {
            category,
            images: Vec::new(),
            repeated: Vec::new(),
            unprepared: BTreeSet::new(),
            undiscovered: Vec::new(),
            excluded: Vec::new(),
            is_known: true,
            chart: None,
        }
    }

    fn unknown(undiscovered: Undiscovered) -> Self {
        let category = undiscovered.category;
        Self {
            undiscovered: vec![undiscovered],
            is_known: false,
            ..Self::empty(category)
        }
    }
}

/// What the lists share.
struct Lists<'a> {
    observer: &'a Observer<'a>,
    /// Destinations whose tokens are requested ahead.
    prepared: BTreeSet<Repository>,
    indexes: chart::Indexes,
    /// The CodeCollections whose repositories are reserved.
    owners: OnceCell<Vec<Owner>>,
    /// The images of the lists that are known so far.
    begun: RefCell<BTreeSet<Place>>,
}

impl Check<'_> {
    /// Discovers the images and reads the sources once, and checks all targets concurrently. Each target continues with `then`
    /// when its own check ends, so that a slow registry does not delay the others.
    pub async fn run<T, F: Future<Output = T>>(
        &self,
        then: impl Fn(TargetId, Checked) -> F,
    ) -> Vec<T> {
        let sources = Sources::new(self.wire, self.config.source_logins.clone());
        let catalog = Catalog::new(self.config, self.wire);
        let observer = Observer {
            config: self.config,
            sources: &sources,
            catalog: &catalog,
            started: self.started,
        };
        let (likely, at_once) = self.likely(&sources);
        let shared = Lists {
            observer: &observer,
            prepared: likely.clone(),
            indexes: chart::Indexes::of(self.config.wanted_charts()),
            owners: OnceCell::new(),
            begun: RefCell::default(),
        };
        let lists = self.lists(&shared);
        (self.on_event)(Event::Listing(lists.len()));
        let ids = TargetId::all(self.destinations.len());
        let targets = ids.zip(self.destinations).map(|(target, destination)| {
            let lists = lists.clone();
            let (observer, likely, then) = (&observer, &likely, &then);
            async move {
                let check = |list| self.target(target, destination, observer, list);
                let ((), checked) = tokio::join!(
                    destination.prepare(likely, at_once),
                    join_all(lists.into_iter().map(check)),
                );
                then(target, self.joined(checked)).await
            }
        });
        join_all(targets).await
    }

    /// The destinations that are known before any request, and how many of them are read at once. Opens connections to likely
    /// sources.
    fn likely(&self, sources: &Sources) -> (BTreeSet<Repository>, usize) {
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
            chart::prepare(&self.config.chart, self.wire);
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
        (likely, at_once)
    }

    /// The lists of the wanted categories, in the order of the plan. They do not wait for each other.
    fn lists<'a>(
        &'a self,
        shared: &'a Lists<'a>,
    ) -> Vec<Shared<LocalBoxFuture<'a, Arc<List<'a>>>>> {
        let images = &self.config.images;
        let mut lists: Vec<LocalBoxFuture<'a, List<'a>>> = Vec::new();
        if images.contains(&Category::CodeCollection) {
            lists.push(self.codecollections(shared).boxed_local());
        }
        let charts = self.config.wanted_charts();
        lists.extend(charts.map(|chart| self.chart(shared, chart).boxed_local()));
        if images.contains(&Category::Extra) {
            lists.push(self.extra_images(shared).boxed_local());
        }
        let lists = lists.into_iter();
        lists
            .map(|list| list.map(Arc::new).boxed_local().shared())
            .collect()
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
        let mut uses = Uses::of(&lists);
        let mut checked = Checked::default();
        let mut excluded: Vec<Excluded> = Vec::new();
        let (mut known, mut unknown) = (BTreeSet::new(), BTreeSet::new());
        for (list, observed) in lists {
            let observed = observed.into_iter().map(|image| uses.complete(image));
            checked.observed.extend(observed);
            checked
                .undiscovered
                .extend(list.undiscovered.iter().cloned());
            for one in &list.excluded {
                if !excluded.contains(one) {
                    excluded.push(one.clone());
                }
            }
            match list.is_known {
                true => known.insert(list.category),
                false => unknown.insert(list.category),
            };
            match list.category {
                Category::CodeCollection => {}
                Category::RunWhenLocal => checked.listed.chart = list.chart.clone(),
                Category::Extra => checked.listed.extra_charts.extend(list.chart.clone()),
            }
        }
        known.retain(|category| !unknown.contains(category));
        checked.listed.exclusions = discover::exclusions(self.config, excluded, &known);
        checked
    }

    async fn codecollections<'a>(&self, shared: &Lists<'a>) -> List<'a> {
        let (desired, undiscovered) = match self.config.codecollection_source {
            CodeCollectionSource::Tags => (discover::codecollections(self.config), Vec::new()),
            CodeCollectionSource::Catalog => match shared.observer.catalog.list().await {
                Ok(listing) => discover::chosen_collections(self.config, listing),
                Err(problem) => {
                    (self.on_event)(Event::Listed(0));
                    let catalog = discover::undiscovered_catalog(self.config, problem);
                    return List::unknown(catalog);
                }
            },
        };
        let (desired, excluded) = discover::without_excluded(self.config, desired);
        self.list(
            shared,
            Category::CodeCollection,
            (desired, undiscovered, excluded),
        )
    }

    async fn chart<'a>(&self, shared: &Lists<'a>, chart: &ChartRequest) -> List<'a> {
        let hosts = chart::Hosts {
            wire: self.wire,
            sources: shared.observer.sources,
            indexes: &shared.indexes,
        };
        let (rendered, owners) = tokio::join!(chart::render(chart, hosts), self.owners(shared));
        match rendered {
            Ok(rendered) => {
                let found = &rendered.found;
                let of_chart = discover::of_chart(self.config, chart, found, owners, self.started);
                List {
                    chart: Some(rendered.title),
                    ..self.list(shared, chart.origin.category(), of_chart)
                }
            }
            Err(problem) => {
                (self.on_event)(Event::Listed(0));
                List::unknown(discover::undiscovered_chart(chart, problem))
            }
        }
    }

    async fn extra_images<'a>(&self, shared: &Lists<'a>) -> List<'a> {
        let owners = self.owners(shared).await;
        let images = discover::extra_images(self.config, owners, self.started);
        self.list(shared, Category::Extra, images)
    }

    /// The CodeCollections whose repositories are reserved.
    async fn owners<'b>(&self, shared: &'b Lists<'_>) -> &'b [Owner] {
        let catalog = shared.observer.catalog;
        let owners = shared.owners.get_or_init(|| self.read_owners(catalog));
        owners.await
    }

    async fn read_owners(&self, catalog: &Catalog) -> Vec<Owner> {
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

    /// The list of these images. Those of another list are not read again.
    fn list<'a>(
        &self,
        shared: &Lists<'a>,
        category: Category,
        (desired, undiscovered, excluded): (Vec<Desired>, Vec<Undiscovered>, Vec<Excluded>),
    ) -> List<'a> {
        let mut begun = shared.begun.borrow_mut();
        let is_new = |one: &Desired| begun.insert(place(one));
        let (desired, repeated): (Vec<_>, Vec<_>) = desired.into_iter().partition(is_new);
        (self.on_event)(Event::Listed(desired.len() * self.destinations.len()));
        let destinations = desired.iter().map(|desired| desired.destination.clone());
        let is_unprepared = |one: &Repository| !shared.prepared.contains(one);
        let unprepared = destinations.filter(is_unprepared).collect();
        let images = desired.into_iter().map(|desired| {
            let image = shared.observer.at_source(desired).map(Arc::new);
            image.boxed_local().shared()
        });
        List {
            images: images.collect(),
            repeated,
            unprepared,
            undiscovered,
            excluded,
            ..List::empty(category)
        }
    }
}

/// An image at its destination. Two charts may name the same one.
type Place = (ImageName, TagSelector, Repository);

fn place(desired: &Desired) -> Place {
    let Desired {
        category: _,
        source,
        wanted,
        destination,
        wanted_by: _,
        needs_its_tag: _,
    } = desired;
    (source.clone(), wanted.clone(), destination.clone())
}

/// The uses of images that several lists have, in the order of the lists: whichever list was known first.
struct Uses(BTreeMap<Place, Vec<Desired>>);

impl Uses {
    fn of(lists: &[(Arc<List<'_>>, Vec<Observed>)]) -> Self {
        let repeated = lists.iter().flat_map(|(list, _)| &list.repeated);
        let mut uses: BTreeMap<_, Vec<_>> = repeated.map(|one| (place(one), Vec::new())).collect();
        for (list, observed) in lists {
            if uses.is_empty() {
                break;
            }
            let observed = observed.iter().map(|observed| &observed.desired);
            for one in observed.chain(&list.repeated) {
                if let Some(uses) = uses.get_mut(&place(one)) {
                    uses.push(one.clone());
                }
            }
        }
        Self(uses)
    }

    /// The image with the uses of all lists, in the category of the first list that has it. The strictest of them decides whether it
    /// needs its own tag.
    fn complete(&mut self, mut observed: Observed) -> Observed {
        let Some(uses) = self.0.remove(&place(&observed.desired)) else {
            return observed;
        };
        let desired = &mut observed.desired;
        if let Some(first) = uses.first() {
            desired.category = first.category;
        }
        desired.needs_its_tag = uses.iter().any(|one| one.needs_its_tag);
        desired.wanted_by.clear();
        for one in uses.into_iter().flat_map(|one| one.wanted_by) {
            if !desired.wanted_by.contains(&one) {
                desired.wanted_by.push(one);
            }
        }
        observed
    }
}
