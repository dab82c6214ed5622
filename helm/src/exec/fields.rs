//! `.a.b.c`: keys of maps, fields of structs, and methods.

use std::rc::Rc;
use std::sync::Arc;

use super::{Fault, Frame, Interpreter, Run};
use crate::functions::{Parameter, as_config, as_secrets, glob_matches, lines};
use crate::template::Expression;
use crate::value::{FileSet, MapType, Methods, Structure, Text, Value};

impl Interpreter<'_> {
    /// Walks a chain of names; arguments go to the last one.
    pub(super) fn fields(
        &mut self,
        frame: &mut Frame,
        start: Value,
        names: &[Text],
        offset: usize,
        (arguments, last): (&[Expression], Option<Value>),
        dot: &Value,
    ) -> Run<Value> {
        let mut receiver = start;
        // Nothing has no fields and gives nothing; a nil found on the way is an error.
        let mut found_in_map = false;
        let (final_name, names) = match names.split_last() {
            Some((last, names)) => (last, names),
            None => return Ok(receiver),
        };
        for name in names {
            (receiver, found_in_map) =
                self.field(frame, &receiver, name, offset, Vec::new(), found_in_map)?;
        }
        let mut values = Vec::new();
        for argument in arguments {
            values.push(self.argument(frame, argument, Parameter::Any, dot)?);
        }
        values.extend(last);
        let (value, _) = self.field(frame, &receiver, final_name, offset, values, found_in_map)?;
        Ok(value)
    }

    fn field(
        &mut self,
        frame: &Frame,
        receiver: &Value,
        name: &Text,
        offset: usize,
        arguments: Vec<Value>,
        found_in_map: bool,
    ) -> Run<(Value, bool)> {
        let fail = |problem: String| Err(Fault::new(&frame.template, offset, problem));
        let shown = name.to_str();
        match receiver {
            Value::Nil if found_in_map => {
                fail(format!("nil pointer evaluating interface {{}}.{shown}"))
            }
            Value::Nil => Ok((Value::Nil, false)),
            Value::Map(map) => {
                if !arguments.is_empty() {
                    return fail(format!("{shown} is not a method but has arguments"));
                }
                let missing = match map.kind {
                    MapType::Any | MapType::Values => Value::Nil,
                    MapType::Strings => Value::text(""),
                };
                Ok((map.get(name).unwrap_or(missing), true))
            }
            Value::Struct(structure) => match self.member(structure, name, &arguments) {
                Ok(Some(value)) => Ok((value, false)),
                Ok(None) => fail(format!(
                    "can't evaluate field {shown} in type {}",
                    structure.type_name
                )),
                Err(problem) => fail(problem),
            },
            Value::Time(instant) => match instant.method(name, &arguments) {
                Some(value) => Ok((value, false)),
                None => fail(format!("can't evaluate field {shown} in type time.Time")),
            },
            other => fail(format!(
                "can't evaluate field {shown} in type {}",
                other.type_name()
            )),
        }
    }

    /// A method's result or a field; `None` if there is neither.
    fn member(
        &self,
        structure: &Rc<Structure>,
        name: &[u8],
        arguments: &[Value],
    ) -> Result<Option<Value>, String> {
        let path = || match arguments {
            [Value::Str(text)] => Ok(text.to_str().into_owned()),
            [_] => Err("wrong type for value; expected string".to_owned()),
            _ => Err(format!(
                "wrong number of args: want 1 got {}",
                arguments.len()
            )),
        };
        let method = match (&structure.methods, name) {
            (Methods::Files(files), b"Get") => Some(Value::text(
                files.get(&path()?).map_or(&[][..], |data| &data[..]),
            )),
            (Methods::Files(files), b"GetBytes") => Some(Value::Bytes(
                files
                    .get(&path()?)
                    .cloned()
                    .unwrap_or_else(|| Arc::from(&[][..])),
            )),
            (Methods::Files(files), b"Lines") => Some(match files.get(&path()?) {
                None => Value::strings(Vec::<Text>::new()),
                // Helm does not expect it either.
                Some(data) if data.is_empty() => return Err("the file has no lines".into()),
                Some(data) => lines(data),
            }),
            (Methods::Files(files), b"Glob") => Some(glob_matches(files, &path()?)),
            (Methods::Files(files), b"AsConfig") => Some(as_config(self, files)),
            (Methods::Files(files), b"AsSecrets") => Some(as_secrets(self, files)),
            (Methods::Files(files), _) => file(files, name),
            (Methods::ApiVersions(versions), b"Has") => {
                let wanted = path()?;
                let has = versions.iter().any(
                    |version| matches!(version, Value::Str(text) if **text == *wanted.as_bytes()),
                );
                Some(Value::Bool(has))
            }
            (Methods::KubeVersion, b"GitVersion" | b"String") => structure.field(b"Version"),
            (Methods::Version(version), _) => version.member(name),
            (Methods::None | Methods::ApiVersions(_) | Methods::KubeVersion, _) => None,
        };
        match method {
            Some(value) => Ok(Some(value)),
            None if !arguments.is_empty() && structure.field(name).is_some() => Err(format!(
                "{} has arguments but cannot be invoked as function",
                String::from_utf8_lossy(name)
            )),
            None => Ok(structure.field(name)),
        }
    }
}

/// A file under a name without slashes or points.
fn file(files: &FileSet, name: &[u8]) -> Option<Value> {
    let data = files.get(String::from_utf8_lossy(name).as_ref()).cloned();
    Some(Value::Bytes(data.unwrap_or_else(|| Arc::from(&[][..]))))
}
