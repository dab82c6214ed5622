//! Which CodeCollections are checked, and where their images are.

use std::collections::BTreeSet;

use super::catalog::CodeCollectionSource;
use super::reader::Reader;
use super::variables;
use crate::name::{ImageName, Registry, Repository, nearest};
use crate::registry::{Account, LoginOrigin, RegistryCredentials, SourceLogin, SourceLogins};
use crate::text::refused_value;

/// Where RunWhen publishes the CodeCollections.
pub(crate) const RUNWHEN: &str = "us-west1-docker.pkg.dev/runwhen-nonprod-beta/public-images";
/// The longest name, so that a destination's path with it is a repository.
const LONGEST_NAME: usize = 70;
/// The prefix of the repositories of RunWhen's CodeCollections.
const PREFIX: &str = "runwhen-contrib-";
/// The five repositories that RunWhen publishes, ordered by name.
const NAMES: [&str; 5] = [
    "runwhen-contrib-azure-c7n-codecollection",
    "runwhen-contrib-rw-cli-codecollection",
    "runwhen-contrib-rw-generic-codecollection",
    "runwhen-contrib-rw-public-codecollection",
    "runwhen-contrib-rw-workspace-utils",
];

/// The CodeCollections to check.
#[derive(Clone, Debug)]
pub struct CodeCollections {
    /// With [`CodeCollectionSource::Tags`]: the repositories, ordered by name.
    pub repositories: Vec<ImageName>,
    /// The repositories that RunWhen publishes: a chart's image must not be written to theirs in the destination.
    pub reserved: Vec<ImageName>,
    /// With [`CodeCollectionSource::Catalog`]: the slugs of the collections; `None` for all.
    pub slugs: Option<BTreeSet<String>>,
}

/// A CodeCollection as the user names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// The name of a repository below `CODECOLLECTION_REGISTRY`, or a slug of the catalog.
    Name(Repository),
    /// `registry/repository`.
    Image(ImageName),
}

impl Named {
    /// The name; `None` for an image of another registry.
    fn name(&self) -> Option<&Repository> {
        match self {
            Self::Name(name) => Some(name),
            Self::Image(_) => None,
        }
    }
}

pub(super) fn parse_names(text: &str) -> Result<Vec<Named>, String> {
    let names = text
        .split(|c: char| c == ',' || c.is_whitespace())
        .filter(|name| !name.is_empty());
    let parse = |name: &str| {
        parse_name(name).map_err(|reason| format!("{:?}: {reason}", refused_value(name)))
    };
    let names: Vec<_> = names.map(parse).collect::<Result<_, _>>()?;
    if names.is_empty() {
        return Err("it must name at least one CodeCollection".to_owned());
    }
    Ok(names)
}

fn parse_name(text: &str) -> Result<Named, String> {
    let reason = |error: crate::name::NameError| error.reason().to_owned();
    if text
        .rsplit('/')
        .next()
        .is_some_and(|name| name.len() > LONGEST_NAME)
    {
        return Err(format!("its name is longer than {LONGEST_NAME} characters"));
    }
    match text.split_once('/') {
        None => text.parse().map(Named::Name).map_err(reason),
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => {
            text.parse().map(Named::Image).map_err(reason)
        }
        Some(_) => {
            Err("a name has no slash, and a whole repository begins with its host".to_owned())
        }
    }
}

/// A registry with the path below which the repositories are.
pub(super) fn parse_place(text: &str) -> Result<ImageName, String> {
    let place: ImageName = text.trim_end_matches('/').parse().map_err(|_| {
        "it must be a host and a path, such as myregistry.example/mirror".to_owned()
    })?;
    // Leaves room for the name of a CodeCollection.
    if place.repository.as_str().len() > 180 {
        return Err("its path is longer than 180 characters".to_owned());
    }
    Ok(place)
}

impl CodeCollections {
    /// The registries that may need a login: all but the one where RunWhen publishes.
    pub(super) fn registries(&self) -> impl Iterator<Item = &Registry> {
        let registries = self.repositories.iter().map(|image| &image.registry);
        registries.filter(|registry| !RUNWHEN.starts_with(&format!("{registry}/")))
    }
}

/// The repository that a name means: RunWhen's own ones also without their prefix.
fn repository(place: &ImageName, name: &str) -> Option<ImageName> {
    let whole = format!("{PREFIX}{name}");
    let name = NAMES
        .into_iter()
        .find(|known| *known == whole)
        .unwrap_or(name);
    Some(ImageName {
        registry: place.registry.clone(),
        repository: place.repository.join(name).ok()?,
    })
}

/// The five repositories where RunWhen publishes them.
pub(crate) fn published_by_runwhen() -> Vec<ImageName> {
    let place = RUNWHEN.parse();
    place.as_ref().map(published).unwrap_or_default()
}

/// The five repositories below this place.
fn published(place: &ImageName) -> Vec<ImageName> {
    NAMES
        .iter()
        .filter_map(|name| repository(place, name))
        .collect()
}

/// What to do about the repository of a CodeCollection that does not exist or is empty.
pub(crate) fn advice_if_absent(repository: &str) -> String {
    let of_runwhen = repository.strip_prefix(RUNWHEN);
    let Some(name) = of_runwhen.and_then(|rest| rest.strip_prefix('/')) else {
        return "check CODECOLLECTIONS and CODECOLLECTION_REGISTRY: a mirror must have the image and its tags, and its login must be able to read it"
            .to_owned();
    };
    if NAMES.contains(&name) {
        return "set CODECOLLECTION_SOURCE=catalog: RunWhen has moved its CodeCollections to a catalog"
            .to_owned();
    }
    let known = NAMES.map(|known| known.trim_start_matches(PREFIX).to_owned());
    let nearest = nearest(known.clone().map(|name| (name.clone(), vec![name])), name);
    match nearest.is_empty() {
        true => format!(
            "correct CODECOLLECTIONS: RunWhen publishes {}",
            known.join(", ")
        ),
        false => format!(
            "correct CODECOLLECTIONS: perhaps {} is meant",
            nearest.join(" or ")
        ),
    }
}

impl Reader<'_> {
    pub(super) fn codecollections(
        &mut self,
        source: Option<CodeCollectionSource>,
    ) -> Option<CodeCollections> {
        let names = self.read(&variables::CODECOLLECTIONS);
        let place = self.read(&variables::CODECOLLECTION_REGISTRY)?;
        let reserved = published(&place);
        // The platform sets the default value too.
        if source? == CodeCollectionSource::Catalog && place.to_string() != RUNWHEN {
            let reason = "it needs CODECOLLECTION_SOURCE=tags, because the catalog names the registry of each image: \
                          unset it, or set CODECOLLECTION_SOURCE=tags to use a mirror";
            let setting = &variables::CODECOLLECTION_REGISTRY;
            self.mistake(setting, Some(&place.to_string()), reason);
            return None;
        }
        match source? {
            CodeCollectionSource::Tags => Some(CodeCollections {
                repositories: self.repositories(names.as_deref(), &place)?,
                reserved,
                slugs: None,
            }),
            CodeCollectionSource::Catalog => Some(CodeCollections {
                repositories: Vec::new(),
                reserved,
                slugs: self.slugs(names.as_deref())?,
            }),
        }
    }

    fn repositories(
        &mut self,
        names: Option<&[Named]>,
        place: &ImageName,
    ) -> Option<Vec<ImageName>> {
        let Some(names) = names else {
            return Some(published(place));
        };
        let image = |named: &Named| match named {
            Named::Name(name) => repository(place, name.as_str()),
            Named::Image(image) => Some(image.clone()),
        };
        let mut images: Vec<_> = names.iter().map(image).collect::<Option<_>>()?;
        images.sort();
        images.dedup();
        let mut seen = BTreeSet::new();
        let mut all = images.iter().map(|image| image.repository.last_segment());
        if let Some(twice) = all.find(|name| !seen.insert(*name)) {
            let reason = format!(
                "two of its repositories are called {twice}, and would be written to the same place"
            );
            self.mistake(&variables::CODECOLLECTIONS, None, reason);
            return None;
        }
        Some(images)
    }

    fn slugs(&mut self, names: Option<&[Named]>) -> Option<Option<BTreeSet<String>>> {
        let Some(names) = names else {
            return Some(None);
        };
        let slugs = names
            .iter()
            .map(|named| named.name().map(ToString::to_string));
        let slugs: Option<BTreeSet<_>> = slugs.collect();
        if slugs.is_none() {
            let reason = "with CODECOLLECTION_SOURCE=catalog it must be names of the catalog, without registry";
            self.mistake(&variables::CODECOLLECTIONS, None, reason);
        }
        slugs.map(Some)
    }

    /// The logins with that of the mirror, if one is given.
    pub(super) fn with_mirror_login(&mut self, logins: SourceLogins) -> Option<SourceLogins> {
        let username = &variables::CODECOLLECTION_REGISTRY_USERNAME;
        let password = &variables::CODECOLLECTION_REGISTRY_PASSWORD;
        if self.inputs.get(username).is_none() && self.inputs.get(password).is_none() {
            return Some(logins);
        }
        let place = self.read(&variables::CODECOLLECTION_REGISTRY)?;
        let account = Account {
            username: self.read_required(username, password.name)?,
            token: self.read_required(password, username.name)?,
        };
        let login = SourceLogin {
            credentials: RegistryCredentials::Password(account),
            origin: LoginOrigin::Mirror,
        };
        Some(logins.with(place.registry, login))
    }
}
