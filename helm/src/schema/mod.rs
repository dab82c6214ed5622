//! `values.schema.json`. Helm uses the Go original of this validator.

mod patterns;

use std::sync::Arc;

use boon::{Compiler, Format, SchemaIndex, Schemas, UrlLoader};
use serde_json::{Map, Value as Tree};

use patterns::{GO_REGEX, Patterns, check_regex};

const LOCATION: &str = "file:///values.schema.json";

/// Fetches nothing: as in Helm, a URN permits everything; other references are an error.
struct NoLoader;

impl UrlLoader for NoLoader {
    fn load(&self, url: &str) -> Result<Tree, Box<dyn std::error::Error>> {
        if url.starts_with("urn:") {
            return Ok(Tree::Bool(true));
        }
        Err(format!("{url} is not part of the chart, and nothing is fetched").into())
    }
}

/// A `values.schema.json`. A render validates once, so the compiled schema, which may need a megabyte, is not kept.
#[derive(Clone)]
pub(crate) struct Schema {
    source: Arc<[u8]>,
}

struct Compiled {
    schemas: Schemas,
    index: SchemaIndex,
    patterns: Patterns,
}

impl Schema {
    /// Errors in the schema are reported when it is used.
    pub(crate) fn new(source: Arc<[u8]>) -> Self {
        Self { source }
    }

    /// Compares the values with the schema; the error lists what does not meet it.
    pub(crate) fn validate(&self, values: &Map<String, Tree>) -> Result<(), String> {
        let compiled = compile(&self.source)?;
        let instance = Tree::Object(values.clone());
        compiled
            .schemas
            .validate(&instance, compiled.index)
            .map_err(|error| {
                let text = compiled.patterns.restore(&error.to_string());
                // The first line names `LOCATION`.
                text.split_once('\n')
                    .map_or(text.clone(), |(_, rest)| rest.to_owned())
            })
    }
}

impl std::fmt::Debug for Schema {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Schema({} bytes)", self.source.len())
    }
}

/// The maximum size of a schema, in bytes: the time to compile it grows with the square of the number of properties.
const MAX_LENGTH: usize = 1 << 20;

fn compile(source: &[u8]) -> Result<Compiled, String> {
    if source.len() > MAX_LENGTH {
        return Err(format!(
            "values.schema.json: larger than {MAX_LENGTH} bytes"
        ));
    }
    let mut schema: Tree =
        serde_json::from_slice(source).map_err(|error| format!("values.schema.json: {error}"))?;
    let mut patterns = Patterns::default();
    patterns.translate(&mut schema);
    let mut compiler = Compiler::new();
    compiler.use_loader(Box::new(NoLoader));
    compiler.register_format(Format {
        name: GO_REGEX,
        func: check_regex,
    });
    let explain = |error: boon::CompileError| patterns.explain(&format!("{error:#}"));
    compiler.add_resource(LOCATION, schema).map_err(explain)?;
    let mut schemas = Schemas::new();
    let index = compiler.compile(LOCATION, &mut schemas).map_err(explain)?;
    Ok(Compiled {
        schemas,
        index,
        patterns,
    })
}
