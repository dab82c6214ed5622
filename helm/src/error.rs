//! What can go wrong.

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
        /// Why.
        source: std::io::Error,
    },
    /// The archive is not a chart's, or not a safe one.
    #[error("chart archive: {0}")]
    Archive(String),
    /// A file of the chart does not say what it should.
    #[error("{file}: {problem}")]
    ChartFile {
        /// The file's path inside the chart.
        file: String,
        /// What is wrong with it.
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
    /// A template is not well formed.
    #[error("{0}: {1}")]
    Parse(TemplatePlace, String),
    /// A template could not be run to its end.
    #[error("{place}: {problem}{}", callers_of(callers))]
    Template {
        /// Where it stopped.
        place: TemplatePlace,
        /// Why.
        problem: String,
        /// Where the template was used from, innermost first.
        callers: Vec<TemplatePlace>,
    },
    /// A rendered file is not the YAML it should be.
    #[error("YAML parse error on {file}: {problem}")]
    Manifest {
        /// The template's path.
        file: String,
        /// What is wrong.
        problem: String,
    },
    /// The machine has no thread for the render.
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
