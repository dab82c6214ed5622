//! The schemas of `docs/`, with which every artifact that a test reads is compared.

use serde_json::Value;

/// Checks a value with `docs/<name>.schema.json`.
#[track_caller]
pub fn validate(value: &Value, name: &str) {
    let path = format!("{}/../docs/{name}.schema.json", env!("CARGO_MANIFEST_DIR"));
    let mut schemas = boon::Schemas::new();
    let schema = boon::Compiler::new()
        .compile(&path, &mut schemas)
        .expect("a schema");
    if let Err(error) = schemas.validate(value, schema) {
        panic!("{name}: {error}");
    }
}
