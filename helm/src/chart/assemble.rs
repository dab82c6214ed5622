//! Makes a chart of its files.

use std::collections::BTreeMap;

use super::file::File;
use super::metadata::{Metadata, read_lock};
use super::{Chart, archive};
use crate::error::Error;
use crate::limits::Limits;
use crate::schema::Schema;
use crate::value::tree_size;
use crate::values;

/// The maximum depth of charts inside charts.
const MAX_DEPTH: usize = 20;

/// Makes a chart of its files.
pub(super) fn assemble(files: Vec<File>, limits: &Limits) -> Result<Chart, Error> {
    let mut budget = limits.clone();
    assemble_at(files, &mut budget, 0)
}

fn assemble_at(files: Vec<File>, limits: &mut Limits, depth: usize) -> Result<Chart, Error> {
    if depth > MAX_DEPTH {
        return Err(Error::Archive(format!(
            "charts are nested more than {MAX_DEPTH} levels deep"
        )));
    }
    let mut metadata = Metadata::default();
    let Some(chart_file) = files.iter().find(|file| file.name == "Chart.yaml") else {
        return Err(Error::Archive("Chart.yaml file is missing".into()));
    };
    metadata.read("Chart.yaml", &chart_file.data)?;
    if metadata.api_version.is_empty() {
        metadata.api_version = "v1".into();
    }
    let mut chart = Chart {
        metadata,
        values: Default::default(),
        schema: None,
        templates: Vec::new(),
        files: Vec::new(),
        locked: Vec::new(),
        dependencies: Vec::new(),
    };
    let mut inner: BTreeMap<String, Vec<File>> = BTreeMap::new();
    for file in files {
        sort_in(&mut chart, &mut inner, file)?;
    }
    chart.metadata.validate()?;
    charge(&chart, limits)?;
    for (name, files) in inner {
        if name.starts_with(['_', '.']) {
            continue;
        }
        let dependency =
            inner_chart(&name, files, limits, depth).map_err(|error| Error::ChartFile {
                file: format!("{}/charts/{name}", chart.metadata.name),
                problem: error.to_string(),
            })?;
        chart.dependencies.push(dependency);
    }
    Ok(chart)
}

/// How often a render copies a chart's values.
const COPIES: usize = 4;

/// Subtracts the size of a chart's values and metadata from the memory for all charts.
fn charge(chart: &Chart, limits: &mut Limits) -> Result<(), Error> {
    let size = tree_size(chart.values.iter()) + tree_size(chart.metadata.fields.iter());
    match limits.memory.checked_sub(COPIES * size) {
        Some(left) => {
            limits.memory = left;
            Ok(())
        }
        None => Err(Error::Archive(format!(
            "the values of {} are too large: they need {size} bytes of memory",
            chart.metadata.name
        ))),
    }
}

/// Sorts a file into the chart or into one of the charts inside it.
fn sort_in(
    chart: &mut Chart,
    inner: &mut BTreeMap<String, Vec<File>>,
    file: File,
) -> Result<(), Error> {
    let is_first_version = chart.metadata.api_version == "v1";
    match file.name.as_str() {
        "Chart.yaml" => {}
        "Chart.lock" => chart.locked = read_lock("Chart.lock", &file.data)?,
        "values.yaml" => {
            chart.values =
                values::read_documents(&file.data).map_err(|error| Error::ChartFile {
                    file: format!("{}/values.yaml", chart.metadata.name),
                    problem: error.0,
                })?;
        }
        "values.schema.json" => chart.schema = Some(Schema::new(file.data)),
        "requirements.yaml" => {
            chart.metadata.read("requirements.yaml", &file.data)?;
            if is_first_version {
                chart.files.push(file);
            }
        }
        "requirements.lock" => {
            chart.locked = read_lock("requirements.lock", &file.data)?;
            if is_first_version {
                chart.files.push(file);
            }
        }
        name if name.starts_with("templates/") => chart.templates.push(file),
        name if name.starts_with("charts/") && !name.ends_with(".prov") => {
            let path = name["charts/".len()..].to_owned();
            let owner = path.split('/').next().unwrap_or_default().to_owned();
            inner.entry(owner).or_default().push(File {
                name: path,
                data: file.data,
            });
        }
        _ => chart.files.push(file),
    }
    Ok(())
}

/// A chart in `charts/`: an archive or a folder.
fn inner_chart(
    name: &str,
    files: Vec<File>,
    limits: &mut Limits,
    depth: usize,
) -> Result<Chart, Error> {
    if name.ends_with(".tgz") {
        let Some(file) = files.first().filter(|file| file.name == name) else {
            return Err(Error::Archive(format!(
                "expected the archive {name}, found a folder"
            )));
        };
        let files = archive::read(&file.data[..], limits)?;
        // Archives inside archives share the limits.
        let size: u64 = files.iter().map(|file| file.data.len() as u64).sum();
        limits.unpacked = limits.unpacked.saturating_sub(size);
        limits.files = limits.files.saturating_sub(files.len());
        return assemble_at(files, limits, depth + 1);
    }
    // Ignore files that are directly in charts/.
    let files = files
        .into_iter()
        .filter_map(|file| {
            let (_, path) = file.name.split_once('/')?;
            Some(File {
                name: path.to_owned(),
                data: file.data,
            })
        })
        .collect();
    assemble_at(files, limits, depth + 1)
}
