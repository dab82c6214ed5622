//! Runs the nodes of a template: text, actions, conditions, loops.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use super::cost::ENTRIES_PER_STEP;
use super::output::Output;
use super::{Flow, Frame, Interpreter, Run};
use crate::failure::Failure;
use crate::state::TEXT_PER_STEP;
use crate::template::{Node, Pipeline};
use crate::value::memory::Held;
use crate::value::{IntType, List, Methods, Text, Value, to_display};

impl Interpreter<'_> {
    pub(super) fn walk(
        &mut self,
        frame: &mut Frame,
        nodes: &[Node],
        dot: &Value,
        out: &mut Output,
    ) -> Run<Flow> {
        for node in nodes {
            let flow = self.walk_node(frame, node, dot, out)?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn walk_node(
        &mut self,
        frame: &mut Frame,
        node: &Node,
        dot: &Value,
        out: &mut Output,
    ) -> Run<Flow> {
        let _level = self.enter(frame, offset_of(node))?;
        // Variables of a node end with it, except for those of an action.
        let mark = frame.variables.len();
        let flow = match node {
            Node::Text(range) => {
                self.print_text(frame, range, out)?;
                return Ok(Flow::Next);
            }
            Node::Action(pipeline) => {
                self.action(frame, pipeline, dot, out)?;
                return Ok(Flow::Next);
            }
            Node::If {
                pipeline,
                then,
                otherwise,
            } => {
                let is_true = self.pipeline(frame, pipeline, dot)?.is_true();
                self.walk(frame, if is_true { then } else { otherwise }, dot, out)
            }
            Node::With {
                pipeline,
                then,
                otherwise,
            } => {
                let value = self.pipeline(frame, pipeline, dot)?;
                let (nodes, dot) = if value.is_true() {
                    (then, &value)
                } else {
                    (otherwise, dot)
                };
                self.walk(frame, nodes, dot, out)
            }
            Node::Range {
                pipeline,
                body,
                otherwise,
            } => self.range(frame, pipeline, (body, otherwise), dot, out),
            Node::Template {
                offset,
                name,
                pipeline,
            } => {
                self.use_template(frame, *offset, name, pipeline.as_ref(), dot, out)?;
                return Ok(Flow::Next);
            }
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        };
        frame.variables.truncate(mark);
        flow
    }

    fn action(
        &mut self,
        frame: &mut Frame,
        pipeline: &Pipeline,
        dot: &Value,
        out: &mut Output,
    ) -> Run<()> {
        let value = self.pipeline(frame, pipeline, dot)?;
        if pipeline.variables.is_empty() {
            self.print_value(frame, pipeline.offset, &value, out)?;
        }
        Ok(())
    }

    /// `{{ template }}`
    fn use_template(
        &mut self,
        frame: &mut Frame,
        offset: usize,
        name: &Text,
        pipeline: Option<&Pipeline>,
        dot: &Value,
        out: &mut Output,
    ) -> Run<()> {
        let name = name.to_str();
        let Some(template) = self.templates.find(&name).cloned() else {
            return Err(frame.fault(offset, format!("template {name:?} not defined")));
        };
        let data = match pipeline {
            Some(pipeline) => self.pipeline(frame, pipeline, dot)?,
            None => Value::Nil,
        };
        self.run(&template, data, out)
            .map_err(|fault| fault.called_from(|| frame.template.place(offset)))
    }

    fn print_text(&mut self, frame: &Frame, range: &Range<usize>, out: &mut Output) -> Run<()> {
        let text = &frame.template.source.as_bytes()[range.clone()];
        self.state
            .steps(1 + text.len() / TEXT_PER_STEP)
            .and_then(|()| Ok(out.append(text)?))
            .and_then(|()| self.check_output(out))
            .map_err(|failure| self.fault(frame, range.start, None, failure))
    }

    fn print_value(
        &mut self,
        frame: &Frame,
        offset: usize,
        value: &Value,
        out: &mut Output,
    ) -> Run<()> {
        self.state
            .read(value)
            .and_then(|()| Ok(out.print(value)?))
            .and_then(|()| self.check_output(out))
            .map_err(|failure| self.fault(frame, offset, None, failure))
    }

    /// Fails if the output is too long.
    fn check_output(&self, out: &Output) -> Result<(), Failure> {
        if out.len() > self.output_left {
            return Err(Failure::from(format!(
                "the output is longer than {} bytes",
                self.limits.output
            )));
        }
        Ok(())
    }

    fn range(
        &mut self,
        frame: &mut Frame,
        pipeline: &Pipeline,
        (body, otherwise): (&[Node], &[Node]),
        dot: &Value,
        out: &mut Output,
    ) -> Run<Flow> {
        let value = self.pipeline(frame, pipeline, dot)?;
        let passes = self
            .passes_of(&value, pipeline.variables.len())
            .map_err(|failure| self.fault(frame, pipeline.offset, None, failure))?;
        if passes.count == 0 {
            return self.walk(frame, otherwise, dot, out);
        }
        for index in 0..passes.count {
            self.count_steps(frame, pipeline.offset, 1)?;
            let (key, item) = passes.source.at(index);
            set_range_variables(frame, pipeline, key, &item);
            let mark = frame.variables.len();
            let flow = self.walk(frame, body, &item, out);
            frame.variables.truncate(mark);
            if flow? == Flow::Break {
                break;
            }
        }
        Ok(Flow::Next)
    }

    /// The passes of a loop over a value. Changes of the value in the body do not affect the loop.
    fn passes_of(&mut self, value: &Value, variables: usize) -> Result<Passes, Failure> {
        let entries = |entries: Vec<(Text, Value)>, held: Held| Passes {
            count: entries.len(),
            source: Source::Entries(entries, held),
        };
        Ok(match value {
            Value::Nil => Passes::none(),
            Value::Map(map) => {
                let map = map.entries.borrow();
                self.state.steps(map.len() / ENTRIES_PER_STEP)?;
                let held = Held::checked(map.len() * size_of::<(Text, Value)>())?;
                let pairs = map.iter().map(|(key, item)| (key.clone(), item.clone()));
                entries(pairs.collect(), held)
            }
            Value::Int(count, _) if variables > 1 => {
                return Err(Failure::from(format!(
                    "can't use {count} to iterate over more than one variable"
                )));
            }
            Value::Int(count, kind) => Passes {
                count: usize::try_from(*count).unwrap_or_default(),
                source: Source::Numbers(*kind),
            },
            Value::List(list) => Passes {
                count: list.items.len(),
                source: Source::List(Rc::clone(list)),
            },
            Value::Bytes(bytes) => Passes {
                count: bytes.len(),
                source: Source::Bytes(Arc::clone(bytes)),
            },
            Value::Struct(structure) => match (&structure.methods, structure.entries()) {
                (Methods::ApiVersions(versions), _) => Passes {
                    count: versions.len(),
                    source: Source::Versions(versions.clone()),
                },
                (_, Some(files)) => entries(files.into_iter().collect(), Held::default()),
                (_, None) => return Err(not_iterable(value)),
            },
            Value::Bool(_) | Value::Float(_) | Value::Str(_) | Value::Time(_) => {
                return Err(not_iterable(value));
            }
        })
    }
}

fn offset_of(node: &Node) -> usize {
    match node {
        Node::Text(range) => range.start,
        Node::Action(pipeline)
        | Node::If { pipeline, .. }
        | Node::With { pipeline, .. }
        | Node::Range { pipeline, .. } => pipeline.offset,
        Node::Template { offset, .. } => *offset,
        Node::Break | Node::Continue => 0,
    }
}

fn not_iterable(value: &Value) -> Failure {
    Failure::from(format!(
        "range can't iterate over {}",
        to_display(value).to_str()
    ))
}

/// The keys and items of one loop.
struct Passes {
    count: usize,
    source: Source,
}

impl Passes {
    fn none() -> Self {
        Self {
            count: 0,
            source: Source::Numbers(IntType::Int),
        }
    }
}

/// The source of keys and items. Lists are never changed, so they are not copied.
enum Source {
    Numbers(IntType),
    List(Rc<List>),
    Versions(Vec<Value>),
    Bytes(Arc<[u8]>),
    /// A copy of a map's entries, and its memory.
    Entries(
        Vec<(Text, Value)>,
        #[expect(dead_code, reason = "gives the memory back when the loop ends")] Held,
    ),
}

impl Source {
    fn at(&self, index: usize) -> (Value, Value) {
        let number = Value::int(index as i64);
        match self {
            Self::Numbers(kind) => (number, Value::Int(index as i64, *kind)),
            Self::List(list) => (number, list.items[index].clone()),
            Self::Versions(versions) => (number, versions[index].clone()),
            Self::Bytes(bytes) => {
                let byte = Value::Int(i64::from(bytes[index]), IntType::Uint8);
                (number, byte)
            }
            Self::Entries(entries, _) => {
                let (key, item) = entries[index].clone();
                (Value::Str(key), item)
            }
        }
    }
}

/// The last variable gets the item, the one before it the key.
fn set_range_variables(frame: &mut Frame, pipeline: &Pipeline, key: Value, item: &Value) {
    let (key_variable, item_variable) = match pipeline.variables[..] {
        [] => return,
        [item] => (None, item),
        [key, item, ..] => (Some(key), item),
    };
    for (variable, value) in [(key_variable, key), (Some(item_variable), item.clone())] {
        if let Some(variable) = variable {
            set_variable(frame, variable, value);
        }
    }
}

/// Sets the innermost variable of that number, if there is one.
pub(super) fn set_variable(frame: &mut Frame, variable: u32, value: Value) -> bool {
    if let Some(slot) = frame
        .variables
        .iter_mut()
        .rev()
        .find(|(number, _)| *number == variable)
    {
        slot.1 = value;
        return true;
    }
    false
}
