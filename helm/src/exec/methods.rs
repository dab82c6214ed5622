//! The methods of `.Values`, `.Files`, `.Capabilities` and versions.

use std::rc::Rc;
use std::sync::Arc;

use super::Interpreter;
use crate::failure::Failure;
use crate::functions::{Outcome, Parameter, as_config, as_secrets, glob_matches, lines};
use crate::value::{FileSet, Map, MapType, Methods, Structure, Text, Value, memory};
use crate::yaml;

/// The types of a method's parameters; `None` if the value has no method of that name.
pub(super) fn parameters_of(receiver: &Value, name: &[u8]) -> Option<&'static [Parameter]> {
    match receiver {
        Value::Map(map) if map.kind == MapType::Values => match name {
            b"AsMap" | b"YAML" => Some(&[]),
            b"PathValue" | b"Table" => Some(&[Parameter::Text]),
            b"Encode" => Some(&[Parameter::Writer]),
            _ => None,
        },
        Value::Struct(structure) => match (&structure.methods, name) {
            (Methods::Files(_), b"Get" | b"GetBytes" | b"Glob" | b"Lines") => {
                Some(&[Parameter::Text])
            }
            (Methods::Files(_), b"AsConfig" | b"AsSecrets") => Some(&[]),
            (Methods::ApiVersions(_), b"Has") => Some(&[Parameter::Text]),
            (Methods::KubeVersion, b"GitVersion" | b"String") => Some(&[]),
            (Methods::None, b"Copy") if structure.type_name == "*common.Capabilities" => Some(&[]),
            (Methods::Version(version), _) => version.parameters(structure.kind() == "ptr", name),
            (
                Methods::None | Methods::Files(_) | Methods::ApiVersions(_) | Methods::KubeVersion,
                _,
            ) => None,
        },
        Value::Nil
        | Value::Bool(_)
        | Value::Int(..)
        | Value::Float(_)
        | Value::Str(_)
        | Value::Bytes(_)
        | Value::List(_)
        | Value::Map(_)
        | Value::Time(_) => None,
    }
}

impl Interpreter<'_> {
    /// Calls a method that [`parameters_of`] knows, with arguments of these types.
    pub(super) fn method(&mut self, receiver: &Value, name: &[u8], arguments: &[Value]) -> Outcome {
        let outcome = match receiver {
            Value::Map(map) => self.method_of_values(receiver, map, name, arguments),
            Value::Struct(structure) => self.method_of_struct(structure, name, arguments),
            _ => Ok(Value::Nil),
        };
        let value = outcome?;
        if let Value::Str(text) = &value {
            self.state.count_text(text.len())?;
        }
        memory::check()?;
        Ok(value)
    }

    /// Helm's `common.Values`.
    fn method_of_values(
        &mut self,
        receiver: &Value,
        map: &Rc<Map>,
        name: &[u8],
        arguments: &[Value],
    ) -> Outcome {
        match name {
            b"AsMap" if map.len() == 0 => Ok(Value::map(Default::default())),
            b"AsMap" => Ok(map.seen_as(MapType::Any)),
            b"YAML" => {
                self.state.read(receiver)?;
                yaml::write(receiver, self.state.text_limit())
                    .map(Value::text)
                    .map_err(|_| "the values cannot be written as YAML".into())
            }
            b"Table" => Ok(Value::Map(table(map, &text(arguments))?)),
            b"PathValue" => path_value(map, &text(arguments)),
            // The only possible argument of `Encode` is nil.
            _ => Err(NIL_POINTER.into()),
        }
    }

    fn method_of_struct(
        &mut self,
        structure: &Rc<Structure>,
        name: &[u8],
        arguments: &[Value],
    ) -> Outcome {
        match &structure.methods {
            Methods::Files(files) => self.method_of_files(files, name, &text(arguments)),
            Methods::ApiVersions(versions) => {
                let wanted = text(arguments);
                Ok(Value::Bool(versions.iter().any(
                    |version| matches!(version, Value::Str(text) if **text == *wanted.as_bytes()),
                )))
            }
            Methods::KubeVersion => Ok(structure.field(b"Version").unwrap_or(Value::Nil)),
            Methods::None => Ok(Value::Struct(Rc::clone(structure))),
            Methods::Version(version) => match (arguments, version.member(name)) {
                (_, Some(value)) => Ok(value),
                ([Value::Nil], None) => Err(NIL_POINTER.into()),
                (_, None) => version.call(name, arguments),
            },
        }
    }

    fn method_of_files(&mut self, files: &Rc<FileSet>, name: &[u8], path: &str) -> Outcome {
        Ok(match name {
            b"Get" => Value::text(files.get(path).map_or(&[][..], |data| &data[..])),
            b"GetBytes" => file(files, path),
            b"Glob" => glob_matches(&mut self.state, files, path)?,
            b"Lines" => match files.get(path) {
                None => Value::strings(Vec::<Text>::new()),
                // Helm panics.
                Some(data) if data.is_empty() => return Err("the file has no lines".into()),
                Some(data) => lines(data)?,
            },
            _ => {
                let length: usize = files.values().map(|data| data.len()).sum();
                self.state
                    .steps(files.len() + length / crate::state::TEXT_PER_STEP)?;
                memory::check_room(4 * length)?;
                match name {
                    b"AsConfig" => as_config(&mut self.state, files)?,
                    _ => as_secrets(&mut self.state, files)?,
                }
            }
        })
    }
}

/// Go's message for a nil pointer.
const NIL_POINTER: &str = "runtime error: invalid memory address or nil pointer dereference";

/// The text argument of a method with one parameter.
fn text(arguments: &[Value]) -> String {
    match arguments {
        [Value::Str(text)] => text.to_str().into_owned(),
        _ => String::new(),
    }
}

/// A file's data; empty if the file does not exist.
pub(super) fn file(files: &FileSet, path: &str) -> Value {
    let data = files.get(path).cloned();
    Value::Bytes(data.unwrap_or_else(|| Arc::from(&[][..])))
}

/// `Values.Table`: the map under a path.
fn table(map: &Rc<Map>, path: &str) -> Result<Rc<Map>, Failure> {
    let mut table = Rc::clone(map);
    for name in path.split('.') {
        table = match table.get(name.as_bytes()) {
            Some(Value::Map(inner)) if inner.kind != MapType::Strings => {
                match inner.seen_as(MapType::Values) {
                    Value::Map(inner) => inner,
                    _ => inner,
                }
            }
            _ => return Err(Failure::from(format!("{name:?} is not a table"))),
        };
    }
    Ok(table)
}

/// `Values.PathValue`: the value under a path, unless it is a map.
fn path_value(map: &Rc<Map>, path: &str) -> Outcome {
    if path.is_empty() {
        return Err("YAML path cannot be empty".into());
    }
    let (parent, name) = match path.rsplit_once('.') {
        Some((parent, name)) => (table(map, parent).ok(), name),
        None => (Some(Rc::clone(map)), path),
    };
    match parent.and_then(|parent| parent.get(name.as_bytes())) {
        Some(value) if !matches!(&value, Value::Map(map) if map.kind == MapType::Any) => Ok(value),
        _ => Err(Failure::from(format!("{name:?} is not a value"))),
    }
}
