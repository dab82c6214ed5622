//! The errors of this crate.

use std::path::PathBuf;

use crate::dependency::Dependency;
use crate::failure::{Fault, TemplatePlace};

/// A chart that cannot be loaded or rendered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder cannot be read.
    #[error("read {}: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The archive is not a chart, or is not safe.
    #[error("chart archive: {0}")]
    Archive(String),
    /// A file of the chart is not valid.
    #[error("{file}: {problem}")]
    ChartFile {
        /// The file's path inside the chart.
        file: String,
        /// The problem.
        problem: String,
    },
    /// Charts that `Chart.yaml` names are not in `charts/`.
    #[error("found in Chart.yaml, but missing in charts/ directory: {}", names_of(.0))]
    MissingDependencies(Vec<Dependency>),
    /// Values that cannot be read or merged.
    #[error("values: {0}")]
    Values(String),
    /// Values that `values.schema.json` forbids.
    #[error(
        "values don't meet the specifications of the schema(s) in the following chart(s):\n{0}"
    )]
    Schema(String),
    /// The chart is not for this version of Kubernetes.
    #[error(
        "chart requires kubeVersion: {constraint} which is incompatible with Kubernetes {version}"
    )]
    KubeVersion {
        /// The versions that `Chart.yaml` names.
        constraint: String,
        /// The version in the [`Capabilities`](crate::Capabilities).
        version: String,
    },
    /// A template has a syntax error.
    #[error("{0}: {1}")]
    Parse(TemplatePlace, String),
    /// A template failed.
    #[error("{place}: {problem}{}", callers_of(callers))]
    Template {
        /// The place of the failure.
        place: TemplatePlace,
        /// The error of the operating system.
        problem: String,
        /// The places that use the template, innermost first.
        callers: Vec<TemplatePlace>,
    },
    /// A rendered file is not valid YAML.
    #[error("YAML parse error on {file}: {problem}")]
    Manifest {
        /// The template's path.
        file: String,
        /// The problem.
        problem: String,
    },
    /// A pattern that finds images is not a regular expression, or matches too often.
    #[error("{0}")]
    Pattern(String),
    /// A thread for the render cannot be started.
    #[error("start the render: {0}")]
    Thread(std::io::Error),
}

impl From<Box<Fault>> for Error {
    fn from(fault: Box<Fault>) -> Self {
        let Fault {
            place,
            problem,
            callers,
        } = *fault;
        Self::Template {
            place,
            problem,
            callers,
        }
    }
}

fn names_of(dependencies: &[Dependency]) -> String {
    let names: Vec<&str> = dependencies
        .iter()
        .map(|dependency| dependency.name.as_str())
        .collect();
    names.join(", ")
}

fn callers_of(callers: &[TemplatePlace]) -> String {
    callers
        .iter()
        .map(|caller| format!(", used at {caller}"))
        .collect()
}
