//! Pipelines, commands and calls.

use super::cost::{ARGUMENTS_PER_STEP, cost_of};
use super::walk::set_variable;
use super::{Frame, Interpreter, Run};
use crate::functions::{Body, Function, Outcome, Parameter, text_argument};
use crate::template::{Command, Expression, ExpressionKind, NumberLiteral, Pipeline};
use crate::value::{ListType, MapType, Value, memory};

/// Variables that are searched in the time of one step.
const VARIABLES_PER_STEP: usize = 64;

impl Interpreter<'_> {
    /// Evaluates a pipeline and sets its variables.
    pub(super) fn pipeline(
        &mut self,
        frame: &mut Frame,
        pipeline: &Pipeline,
        dot: &Value,
    ) -> Run<Value> {
        self.count_steps(frame, pipeline.offset, 1)?;
        let _level = self.enter(frame, pipeline.offset)?;
        let mut value = None;
        for command in &pipeline.commands {
            value = Some(self.command(frame, command, dot, value)?);
        }
        let value = value.unwrap_or(Value::Nil);
        for variable in &pipeline.variables {
            self.count_steps(
                frame,
                pipeline.offset,
                frame.variables.len() / VARIABLES_PER_STEP,
            )?;
            if pipeline.assigns {
                if !set_variable(frame, *variable, value.clone()) {
                    return Err(frame.fault(pipeline.offset, "undefined variable"));
                }
            } else {
                frame.variables.push((*variable, value.clone()));
            }
        }
        Ok(value)
    }

    fn command(
        &mut self,
        frame: &mut Frame,
        command: &Command,
        dot: &Value,
        last: Option<Value>,
    ) -> Run<Value> {
        let first = &command.operands[0];
        let arguments = &command.operands[1..];
        match &first.kind {
            ExpressionKind::Function(function) => {
                self.call(frame, function, first.offset, arguments, dot, last)
            }
            ExpressionKind::Field(fields) => self.fields(
                frame,
                dot.clone(),
                fields,
                first.offset,
                (arguments, last),
                dot,
            ),
            ExpressionKind::Chain(start, fields) => {
                let receiver = self.operand(frame, start, dot)?;
                self.fields(
                    frame,
                    receiver,
                    fields,
                    first.offset,
                    (arguments, last),
                    dot,
                )
            }
            ExpressionKind::Variable(variable, fields) if !fields.is_empty() => {
                let receiver = self.variable(frame, first.offset, *variable)?;
                self.fields(
                    frame,
                    receiver,
                    fields,
                    first.offset,
                    (arguments, last),
                    dot,
                )
            }
            ExpressionKind::Nil => Err(frame.fault(first.offset, "nil is not a command")),
            ExpressionKind::Variable(..)
            | ExpressionKind::Pipeline(_)
            | ExpressionKind::Dot
            | ExpressionKind::Bool(_)
            | ExpressionKind::Text(_)
            | ExpressionKind::Number(_) => {
                if !arguments.is_empty() || last.is_some() {
                    let problem = "can't give argument to non-function";
                    return Err(frame.fault(first.offset, problem));
                }
                self.operand(frame, first, dot)
            }
        }
    }

    fn variable(&mut self, frame: &Frame, offset: usize, variable: u32) -> Run<Value> {
        self.count_steps(frame, offset, frame.variables.len() / VARIABLES_PER_STEP)?;
        let found = frame
            .variables
            .iter()
            .rev()
            .find(|(number, _)| *number == variable);
        Ok(found.map_or(Value::Nil, |(_, value)| value.clone()))
    }

    /// The value of an operand of any type.
    pub(super) fn operand(
        &mut self,
        frame: &mut Frame,
        expression: &Expression,
        dot: &Value,
    ) -> Run<Value> {
        let none = (&[][..], None);
        match &expression.kind {
            ExpressionKind::Dot => Ok(dot.clone()),
            ExpressionKind::Nil => Ok(Value::Nil),
            ExpressionKind::Bool(value) => Ok(Value::Bool(*value)),
            ExpressionKind::Text(value) => Ok(value.clone()),
            ExpressionKind::Number(number) => self.number(frame, expression.offset, *number),
            ExpressionKind::Field(fields) => {
                self.fields(frame, dot.clone(), fields, expression.offset, none, dot)
            }
            ExpressionKind::Variable(variable, fields) => {
                let receiver = self.variable(frame, expression.offset, *variable)?;
                if fields.is_empty() {
                    return Ok(receiver);
                }
                self.fields(frame, receiver, fields, expression.offset, none, dot)
            }
            ExpressionKind::Chain(start, fields) => {
                let receiver = self.operand(frame, start, dot)?;
                self.fields(frame, receiver, fields, expression.offset, none, dot)
            }
            ExpressionKind::Function(function) => {
                self.call(frame, function, expression.offset, &[], dot, None)
            }
            ExpressionKind::Pipeline(pipeline) => self.pipeline(frame, pipeline, dot),
        }
    }

    fn number(&self, frame: &Frame, offset: usize, number: NumberLiteral) -> Run<Value> {
        match (number.int, number.float) {
            (_, Some(float)) if number.spelled_float => Ok(Value::Float(float)),
            (Some(int), _) => Ok(Value::int(int)),
            (None, _) => Err(frame.fault(offset, "the number overflows int")),
        }
    }

    /// Calls a function with its arguments and the result of the previous command.
    fn call(
        &mut self,
        frame: &mut Frame,
        function: &'static Function,
        offset: usize,
        arguments: &[Expression],
        dot: &Value,
        last: Option<Value>,
    ) -> Run<Value> {
        let count = arguments.len() + usize::from(last.is_some());
        let enough = match function.rest {
            Some(_) => count >= function.fixed.len(),
            None => count == function.fixed.len(),
        };
        if !enough {
            let at_least = if function.rest.is_some() {
                "at least "
            } else {
                ""
            };
            let problem = format!(
                "wrong number of args for {}: want {at_least}{} got {count}",
                function.name,
                function.fixed.len()
            );
            return Err(frame.fault(offset, problem));
        }
        self.count_steps(frame, offset, 1 + count / ARGUMENTS_PER_STEP)?;
        let _level = self.enter(frame, offset)?;
        if let Body::And | Body::Or = function.body {
            return self.short_circuit(frame, function, arguments, dot, last);
        }
        let parameter = |index: usize| {
            function
                .fixed
                .get(index)
                .copied()
                .or(function.rest)
                .unwrap_or(Parameter::Any)
        };
        let mut values = Vec::with_capacity(count);
        for (index, argument) in arguments.iter().enumerate() {
            values.push(self.argument(frame, argument, parameter(index), dot)?);
        }
        if let Some(last) = last {
            let last = assign(last, parameter(count - 1), false)
                .map_err(|problem| frame.fault(offset, problem))?;
            values.push(last);
        }
        self.execute(function, &values)
            .map_err(|failure| self.fault(frame, offset, Some(function.name), failure))
    }

    /// Runs a function within the limits: before the call, steps and memory for its arguments must be left; after it,
    /// memory for its result.
    fn execute(&mut self, function: &Function, values: &[Value]) -> Outcome {
        let cost = cost_of(function.reads, values, self.state.steps_left());
        self.state.steps(cost.steps as usize)?;
        memory::check_room(cost.memory)?;
        let value = match function.body {
            Body::Plain(body) => body(values),
            Body::WithState(body) => body(&mut self.state, values),
            Body::Include => self.include(&text_argument(&values[0]), values[1].clone()),
            Body::RenderText => self.render_text(&text_argument(&values[0]), values[1].clone()),
            Body::And | Body::Or => Ok(Value::Nil),
        }?;
        if let Value::Str(text) = &value {
            self.state.count_text(text.len())?;
        }
        memory::check()?;
        Ok(value)
    }

    fn short_circuit(
        &mut self,
        frame: &mut Frame,
        function: &Function,
        arguments: &[Expression],
        dot: &Value,
        last: Option<Value>,
    ) -> Run<Value> {
        let stops_at = matches!(function.body, Body::Or);
        let mut value = Value::Nil;
        for argument in arguments {
            value = self.argument(frame, argument, Parameter::Any, dot)?;
            if value.is_true() == stops_at {
                return Ok(value);
            }
        }
        Ok(last.unwrap_or(value))
    }

    /// An argument, checked against the type of its parameter.
    pub(super) fn argument(
        &mut self,
        frame: &mut Frame,
        expression: &Expression,
        wanted: Parameter,
        dot: &Value,
    ) -> Run<Value> {
        // Go distinguishes a nil from a map from the nil result of a pipeline.
        let (value, from_map) = match &expression.kind {
            ExpressionKind::Nil => {
                if wanted.takes_nil() {
                    return Ok(Value::Nil);
                }
                let problem = format!("cannot assign nil to {}", wanted.type_name());
                return Err(frame.fault(expression.offset, problem));
            }
            ExpressionKind::Number(number) => {
                return self.constant(frame, expression.offset, *number, wanted);
            }
            ExpressionKind::Field(_) | ExpressionKind::Chain(..) => {
                (self.operand(frame, expression, dot)?, true)
            }
            ExpressionKind::Variable(_, fields) => {
                let from_map = !fields.is_empty();
                (self.operand(frame, expression, dot)?, from_map)
            }
            ExpressionKind::Dot
            | ExpressionKind::Bool(_)
            | ExpressionKind::Text(_)
            | ExpressionKind::Function(_)
            | ExpressionKind::Pipeline(_) => (self.operand(frame, expression, dot)?, false),
        };
        assign(value, wanted, from_map).map_err(|problem| frame.fault(expression.offset, problem))
    }

    /// A number literal has the type of its parameter.
    fn constant(
        &self,
        frame: &Frame,
        offset: usize,
        number: NumberLiteral,
        wanted: Parameter,
    ) -> Run<Value> {
        let value = match wanted {
            Parameter::Any => return self.number(frame, offset, number),
            Parameter::Int => number.int.map(Value::int),
            Parameter::Uint32 => number
                .int
                .filter(|number| u32::try_from(*number).is_ok())
                .map(Value::int),
            Parameter::Float => number.float.map(Value::Float),
            Parameter::Text
            | Parameter::Bool
            | Parameter::Map
            | Parameter::List
            | Parameter::Time
            | Parameter::Certificate
            | Parameter::Version
            | Parameter::Writer => None,
        };
        value.ok_or_else(|| {
            frame.fault(
                offset,
                format!("expected {}; found a number", wanted.type_name()),
            )
        })
    }
}

/// Converts a value to the type of a parameter, if Go can assign it.
pub(super) fn assign(value: Value, wanted: Parameter, from_map: bool) -> Result<Value, String> {
    let fits = match (wanted, &value) {
        (Parameter::Any, _) => true,
        (_, Value::Nil) if wanted.takes_nil() => !from_map,
        (Parameter::Text, Value::Str(_)) => true,
        (Parameter::Int, Value::Int(_, kind)) => kind.name() == "int",
        (Parameter::Float, Value::Float(_)) | (Parameter::Bool, Value::Bool(_)) => true,
        (Parameter::Map, Value::Map(map)) => match map.kind {
            MapType::Any => true,
            // The function gets a plain map, without the methods of `.Values`.
            MapType::Values => return Ok(map.seen_as(MapType::Any)),
            MapType::Strings => false,
        },
        (Parameter::List, Value::List(list)) => list.element == ListType::Any,
        (Parameter::Time, Value::Time(_)) => true,
        (Parameter::Certificate | Parameter::Version, Value::Struct(structure)) => {
            structure.type_name == wanted.type_name()
        }
        (
            Parameter::Text
            | Parameter::Int
            | Parameter::Uint32
            | Parameter::Float
            | Parameter::Bool
            | Parameter::Map
            | Parameter::List
            | Parameter::Time
            | Parameter::Certificate
            | Parameter::Version
            | Parameter::Writer,
            _,
        ) => false,
    };
    if fits {
        return Ok(value);
    }
    Err(match value {
        Value::Nil if !from_map => format!("invalid value; expected {}", wanted.type_name()),
        Value::Nil => format!(
            "wrong type for value; expected {}; got nothing",
            wanted.type_name()
        ),
        other => format!(
            "wrong type for value; expected {}; got {}",
            wanted.type_name(),
            other.type_name()
        ),
    })
}
