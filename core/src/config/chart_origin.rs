//! Where a chart is configured, and how messages name its settings.

use super::variables;
use crate::category::Category;
use crate::name::Repository;

/// Where a chart is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChartOrigin {
    /// The variables of the RunWhen Local chart.
    RunWhenLocal,
    /// An entry of `EXTRA_CHARTS`.
    Extra {
        /// The position in the list, from 1.
        number: usize,
        /// The path of its images below `REGISTRY_REPOSITORY_PATH`, if they have one of their own.
        destination: Option<Repository>,
        /// Whether `repository` or `path` names its place.
        is_local: bool,
    },
}

/// A setting of a chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChartSetting {
    Place,
    Name,
    Version,
    Values,
    Set,
    /// Only a chart of `EXTRA_CHARTS` has patterns and logins.
    Patterns,
    Logins,
}

impl ChartOrigin {
    pub fn category(&self) -> Category {
        match self {
            Self::RunWhenLocal => Category::RunWhenLocal,
            Self::Extra { .. } => Category::Extra,
        }
    }

    /// The settings as a message names them: `HELM_REPO_URL and HELM_CHART_NAME`, or `repository and name of chart 2 in
    /// EXTRA_CHARTS`.
    pub fn settings(&self, settings: &[ChartSetting]) -> String {
        let names = settings.iter().map(|setting| self.name(*setting));
        let names = joined(&names.collect::<Vec<_>>());
        match self {
            Self::RunWhenLocal => names,
            Self::Extra { number, .. } => {
                format!(
                    "{names} of chart {number} in {}",
                    variables::EXTRA_CHARTS.name
                )
            }
        }
    }

    fn name(&self, setting: ChartSetting) -> &'static str {
        match (self, setting) {
            (Self::RunWhenLocal, ChartSetting::Place) => variables::HELM_REPO_URL.variable.name,
            (Self::RunWhenLocal, ChartSetting::Name) => variables::HELM_CHART_NAME.variable.name,
            (Self::RunWhenLocal, ChartSetting::Version) => variables::CHART_VERSION.variable.name,
            (Self::RunWhenLocal, ChartSetting::Values) => variables::CHART_VALUES.variable.name,
            (Self::RunWhenLocal, ChartSetting::Set) => variables::CHART_SET.variable.name,
            (Self::Extra { is_local: true, .. }, ChartSetting::Place) => "path",
            (
                Self::Extra {
                    is_local: false, ..
                },
                ChartSetting::Place,
            ) => "repository",
            (Self::Extra { .. }, ChartSetting::Name) => "name",
            (Self::Extra { .. }, ChartSetting::Version) => "version",
            (Self::Extra { .. }, ChartSetting::Values) => "values",
            (Self::Extra { .. }, ChartSetting::Set) => "set",
            (Self::RunWhenLocal | Self::Extra { .. }, ChartSetting::Patterns) => "image_patterns",
            (Self::RunWhenLocal | Self::Extra { .. }, ChartSetting::Logins) => "logins",
        }
    }
}

/// `a, b and c`.
fn joined(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
