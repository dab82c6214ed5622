//! The chart that the user configures: its source, version and values.

use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::Value as Tree;
use url::Url;

use super::chart_origin::ChartOrigin;
use super::reader::{Reader, build};
use super::values::is_bare;
use super::{Config, variables};
use crate::name::{ImageName, NameError, Registry};
use crate::text::for_message;
use crate::text::refused_value;

const FORMS: &str =
    "it must be an https:// or oci:// URL without user and query, a folder or a .tgz";

/// A chart that names images.
#[derive(Clone, Debug)]
pub struct ChartRequest {
    /// Where it is configured.
    pub origin: ChartOrigin,
    /// The place that it is read from.
    pub source: ChartSource,
    /// Its name in that place.
    pub name: String,
    /// A version or a range; none means the highest release.
    pub version: Option<String>,
    /// The values to render it with.
    pub values: helm::Values,
    /// The part of them that is from `CHART_SET`, or from `set` of an extra chart.
    pub set: helm::Values,
    /// Where it names images in addition to the fields of containers.
    pub patterns: Vec<helm::ImagePattern>,
    /// Registries of its images whose logins in Docker's file are used.
    pub logins: Vec<Registry>,
}

impl Config {
    /// The charts whose images are checked: RunWhen Local's first, then the others in their order.
    pub fn wanted_charts(&self) -> impl Iterator<Item = &ChartRequest> {
        let all = std::iter::once(&self.chart).chain(&self.extra_charts);
        all.filter(|chart| self.images.contains(&chart.origin.category()))
    }

    /// The charts of `EXTRA_CHARTS` for the report, without their values.
    pub(super) fn shown_extra_charts(&self) -> String {
        let shown = |chart: &ChartRequest| {
            let version = chart.version.iter().map(|version| format!(" {version}"));
            let version: String = version.collect();
            format!("{}{version} of {}", chart.name, chart.source)
        };
        let charts: Vec<_> = self.extra_charts.iter().map(shown).collect();
        charts.join(", ")
    }
}

impl ChartRequest {
    /// The hosts whose logins may be used: that of the chart, and those that its settings name. RunWhen's repository needs none.
    pub(crate) fn hosts_of_logins(&self) -> impl Iterator<Item = Registry> {
        let own = self.source.host().filter(|_| !self.source.is_published());
        own.into_iter().chain(self.logins.iter().cloned())
    }

    /// True if this is the chart that RunWhen publishes, with values that do not name other registries or repositories.
    pub fn names_published_images(&self) -> bool {
        self.source.is_published()
            && variables::HELM_CHART_NAME.variable.default() == self.name
            && !names_a_source(self.values.tree())
    }
}

/// True if a key of these values is that of a registry or a repository, or of an image as one text.
fn names_a_source(values: &Tree) -> bool {
    let is_source = |(key, value): (&String, &Tree)| {
        let key = key.to_ascii_lowercase();
        key.contains("registry")
            || key.contains("repository")
            || (key.ends_with("image") && value.is_string())
            || names_a_source(value)
    };
    match values {
        Tree::Object(entries) => entries.iter().any(is_source),
        Tree::Array(items) => items.iter().any(names_a_source),
        Tree::Null | Tree::Bool(_) | Tree::Number(_) | Tree::String(_) => false,
    }
}

/// The place of a chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChartSource {
    /// A chart repository: a host with an `index.yaml`. Its URL ends in a slash.
    Repository(Url),
    /// A path in a registry; each chart is a repository below it.
    Oci(ImageName),
    /// A chart's folder or archive on this machine.
    Path(PathBuf),
}

impl ChartSource {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.contains("://") {
            Self::from_url(text)
        } else if refused_value(text) == text {
            Ok(Self::Path(PathBuf::from(text)))
        } else {
            Err(FORMS.to_owned())
        }
    }

    /// True if RunWhen publishes its chart there.
    fn is_published(&self) -> bool {
        let place = variables::HELM_REPO_URL.variable.default();
        Self::parse(&place).as_ref() == Ok(self)
    }

    /// The host, as the logins name it. `None` on this machine.
    fn host(&self) -> Option<Registry> {
        match self {
            Self::Repository(url) => Registry::of_url(url),
            Self::Oci(location) => Some(location.registry.clone()),
            Self::Path(_) => None,
        }
    }

    /// Parses the URL of a chart repository or registry. Dependencies of charts may only come from these.
    pub(crate) fn from_url(text: &str) -> Result<Self, String> {
        if let Some(rest) = text.strip_prefix("oci://") {
            let (registry, repository) = rest
                .trim_end_matches('/')
                .split_once('/')
                .ok_or("an oci:// URL needs a path after the host")?;
            // The reasons do not contain the text, which may contain a password.
            let reason = |error: NameError| error.reason().to_owned();
            let registry = registry
                .parse()
                .map_err(|error| format!("the host: {}", reason(error)))?;
            let repository = repository
                .parse()
                .map_err(|error| format!("the path: {}", reason(error)))?;
            return Ok(Self::Oci(ImageName {
                registry,
                repository,
            }));
        }
        let url = Url::parse(&format!("{}/", text.trim_end_matches('/')))
            .map_err(|error| error.to_string())?;
        if url.scheme() == "https" && url.has_host() && is_bare(&url) {
            Ok(Self::Repository(url))
        } else {
            Err(FORMS.to_owned())
        }
    }
}

impl fmt::Display for ChartSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repository(url) => f.write_str(url.as_str().trim_end_matches('/')),
            Self::Oci(location) => write!(f, "oci://{location}"),
            Self::Path(path) => write!(f, "{}", path.display()),
        }
    }
}

pub(super) fn parse_name(text: &str) -> Result<String, String> {
    // The name becomes a part of a URL or of a repository's path.
    let valid = text.len() <= 128
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    valid
        .then(|| text.to_owned())
        .ok_or_else(|| "it must be a chart's name, such as runwhen-local".to_owned())
}

pub(super) fn parse_version(text: &str) -> Result<String, String> {
    let valid = helm::is_version_constraint(text);
    valid.then(|| text.to_owned()).ok_or_else(|| {
        "it must be a version such as 0.6.7, or a range such as '>=0.6, <1'".to_owned()
    })
}

impl Reader<'_> {
    pub(super) fn chart(&mut self) -> Option<ChartRequest> {
        let place = self.read(&variables::HELM_REPO_URL);
        let chart = self.read(&variables::HELM_CHART_NAME);
        let range = self.read(&variables::CHART_VERSION);
        let (all, of_set) = self.chart_values().unzip();
        build!(ChartRequest {
            origin: Some(ChartOrigin::RunWhenLocal),
            source: place,
            name: chart,
            version: Some(range),
            values: all,
            set: of_set,
            patterns: Some(Vec::new()),
            logins: Some(Vec::new()),
        })
    }

    /// All values, and those of `CHART_SET` alone.
    fn chart_values(&mut self) -> Option<(helm::Values, helm::Values)> {
        let path = self.read(&variables::CHART_VALUES);
        let file = path.and_then(|path| match (self.inputs.file)(Path::new(&path)) {
            Ok(text) => Some(text),
            Err(error) => {
                let reason = format!("it cannot be read: {error}");
                self.mistake(&variables::CHART_VALUES, Some(&path), reason);
                None
            }
        });
        let sets = self.read(&variables::CHART_SET);
        let (variable, reason) =
            match GivenValues::merged(with_runner(), file.as_deref(), sets.as_deref()) {
                Ok(GivenValues { all, set }) => return Some((all, set)),
                // The mistakes do not contain the values, which may be secrets.
                Err(ValuesMistake::File(reason)) => (&variables::CHART_VALUES.variable, reason),
                Err(ValuesMistake::Set(reason)) => (&variables::CHART_SET.variable, reason),
            };
        self.mistake(variable, None, reason);
        None
    }
}

/// Always set: without a runner, the rendered chart contains only a part of the images.
fn with_runner() -> helm::Values {
    let mut values = helm::Values::new();
    values.merge_tree(serde_json::json!({"runner": {"enabled": true}}));
    values
}

/// The values that a user gives to a chart.
pub(super) struct GivenValues {
    pub all: helm::Values,
    /// Those of `--set` alone.
    pub set: helm::Values,
}

/// Values that cannot be read. The reason does not contain them.
pub(super) enum ValuesMistake {
    File(String),
    Set(String),
}

impl GivenValues {
    /// Merges the values as Helm does: the file over the fixed values, `--set` over both.
    pub(super) fn merged(
        base: helm::Values,
        file: Option<&str>,
        sets: Option<&str>,
    ) -> Result<Self, ValuesMistake> {
        let (mut all, mut set) = (base, helm::Values::new());
        if let Some(text) = file {
            let merged = all.merge_yaml(text);
            merged.map_err(|error| ValuesMistake::File(for_message(&error.to_string())))?;
        }
        if let Some(text) = sets {
            for values in [&mut all, &mut set] {
                let added = values.set(text);
                added.map_err(|error| ValuesMistake::Set(set_reason(text, &error)))?;
            }
        }
        Ok(Self { all, set })
    }
}

/// Describes a mistake in `--set` without the text that the engine repeats: a value may be a secret.
fn set_reason(text: &str, error: &helm::Error) -> String {
    let reason = error.to_string().replace(&format!("{text:?}: "), "");
    if reason.contains('"') {
        // The message quotes a key, which may be a part of a value: the rest of it after a comma, or of a URL.
        return "it must be KEY=VALUE, several separated by commas; a comma inside a value is written \\,"
            .to_owned();
    }
    for_message(&reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chart_sources_are_urls_and_paths_without_user_and_query() {
        let shown = |text| ChartSource::parse(text).map(|source| source.to_string());
        assert_eq!(
            shown("https://charts.example/x/").unwrap(),
            "https://charts.example/x"
        );
        assert_eq!(shown("oci://ghcr.io/a/b").unwrap(), "oci://ghcr.io/a/b");
        assert_eq!(
            ChartSource::parse("./chart.tgz"),
            Ok(ChartSource::Path("./chart.tgz".into()))
        );
        for bad in [
            "http://charts.example",
            "https://me:pw@charts.example",
            "oci://ghcr.io",
            "ftp://x",
        ] {
            assert!(ChartSource::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn published_images_are_expected_only_of_the_published_chart_with_its_own_sources() {
        let published = |source: &str, name: &str, set: &str| {
            let given = GivenValues::merged(with_runner(), None, Some(set));
            let request = ChartRequest {
                origin: ChartOrigin::RunWhenLocal,
                source: ChartSource::parse(source).unwrap(),
                name: name.to_owned(),
                version: None,
                values: given.map(|given| given.all).ok().unwrap(),
                set: helm::Values::new(),
                patterns: Vec::new(),
                logins: Vec::new(),
            };
            request.names_published_images()
        };
        const URL: &str = "https://runwhen-contrib.github.io/helm-charts";
        for set in [
            "",
            "runner.image.tag=latest",
            "runwhenLocal.image.pullPolicy=Always",
        ] {
            assert!(published(URL, "runwhen-local", set), "{set}");
        }
        for set in [
            "runner.image.repository=mirror.example/runner",
            "runner.image.registry=mirror.example",
            "global.imageRegistry=mirror.example",
            "runner.image=mirror.example/runner:1",
            "extra[0].image=mirror.example/runner:1",
        ] {
            assert!(!published(URL, "runwhen-local", set), "{set}");
        }
        assert!(!published(URL, "other", ""));
        assert!(!published("https://charts.example", "runwhen-local", ""));
        assert!(!published("oci://ghcr.io/charts", "runwhen-local", ""));
        assert!(!published("./chart", "runwhen-local", ""));
    }

    #[test]
    fn chart_name_with_a_path_or_query_is_refused() {
        assert!(parse_name("runwhen-local").is_ok());
        for bad in ["../x", "a/b", "a b", "a?b"] {
            assert!(parse_name(bad).is_err(), "{bad}");
        }
    }
}
