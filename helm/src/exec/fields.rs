//! `.a.b.c`: keys of maps, fields of structs, and methods.

use super::evaluate::assign;
use super::methods::{file, parameters_of};
use super::{Frame, Interpreter, Run};
use crate::functions::{Parameter, time_method};
use crate::template::Expression;
use crate::value::{MapType, Methods, Structure, Text, Value};

/// Names of a chain that are looked up in the time of one step.
const NAMES_PER_STEP: usize = 4;

impl Interpreter<'_> {
    /// Looks up a chain of names; the arguments are for the last one.
    pub(super) fn fields(
        &mut self,
        frame: &mut Frame,
        start: Value,
        names: &[Text],
        offset: usize,
        (arguments, last): (&[Expression], Option<Value>),
        dot: &Value,
    ) -> Run<Value> {
        self.count_steps(frame, offset, names.len() / NAMES_PER_STEP)?;
        let mut receiver = start;
        // A field of nil is nil; a field of a nil that was found in a map is an error.
        let mut found_in_map = false;
        let (final_name, names) = match names.split_last() {
            Some((last, names)) => (last, names),
            None => return Ok(receiver),
        };
        for name in names {
            (receiver, found_in_map) =
                self.field(frame, &receiver, name, offset, Vec::new(), found_in_map)?;
        }
        let parameters = parameters_of(&receiver, final_name);
        let mut values = Vec::new();
        let wanted = |index: usize| {
            let parameter = parameters.and_then(|parameters| parameters.get(index));
            parameter.copied().unwrap_or(Parameter::Any)
        };
        for argument in arguments {
            values.push(self.argument(frame, argument, wanted(values.len()), dot)?);
        }
        if let Some(last) = last {
            let last = assign(last, wanted(values.len()), false)
                .map_err(|problem| frame.fault(offset, problem))?;
            values.push(last);
        }
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
        let shown = name.to_str();
        let fail = |problem: String| Err(frame.fault(offset, problem));
        if let Some(parameters) = parameters_of(receiver, name) {
            if arguments.len() != parameters.len() {
                return fail(format!(
                    "wrong number of args for {shown}: want {} got {}",
                    parameters.len(),
                    arguments.len()
                ));
            }
            let value = self
                .method(receiver, name, &arguments)
                .map_err(|failure| self.fault(frame, offset, Some(&shown), failure))?;
            return Ok((value, false));
        }
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
            Value::Struct(structure) => match member(structure, name) {
                Some(_) if !arguments.is_empty() => fail(format!(
                    "{shown} has arguments but cannot be invoked as function"
                )),
                Some(value) => Ok((value, false)),
                None => fail(format!(
                    "can't evaluate field {shown} in type {}",
                    structure.type_name
                )),
            },
            Value::Time(instant) => match time_method(*instant, name, &arguments) {
                Some(value) => Ok((value, false)),
                None => fail(format!("can't evaluate field {shown} in type time.Time")),
            },
            other => fail(format!(
                "can't evaluate field {shown} in type {}",
                other.type_name()
            )),
        }
    }
}

/// A field of a struct; for `.Files`, the file with that name.
fn member(structure: &Structure, name: &[u8]) -> Option<Value> {
    match &structure.methods {
        Methods::Files(files) => Some(file(files, &String::from_utf8_lossy(name))),
        Methods::None | Methods::ApiVersions(_) | Methods::KubeVersion | Methods::Version(_) => {
            structure.field(name)
        }
    }
}
