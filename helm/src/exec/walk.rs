//! Walks the nodes of a template: text, actions, conditions, loops.

use super::{Fault, Flow, Frame, Interpreter, NO_VALUE, Run};
use crate::template::{Node, Pipeline};
use crate::value::{Methods, Text, Value, to_display, write_display};

impl Interpreter<'_> {
    pub(super) fn walk(
        &mut self,
        frame: &mut Frame,
        nodes: &[Node],
        dot: &Value,
        out: &mut Vec<u8>,
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
        out: &mut Vec<u8>,
    ) -> Run<Flow> {
        // What a node declares is gone at its end, except for what an action declares.
        let mark = frame.variables.len();
        let flow = match node {
            Node::Text(text) => {
                out.extend_from_slice(text);
                return Ok(Flow::Next);
            }
            Node::Action(pipeline) => {
                let value = self.pipeline(frame, pipeline, dot)?;
                if pipeline.variables.is_empty() {
                    print_value(out, &value);
                    self.check_output(frame, pipeline.offset, out.len())?;
                }
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

    /// `{{ template }}`
    fn use_template(
        &mut self,
        frame: &mut Frame,
        offset: usize,
        name: &Text,
        pipeline: Option<&Pipeline>,
        dot: &Value,
        out: &mut Vec<u8>,
    ) -> Run<()> {
        let name = name.to_str();
        let Some(template) = self.templates.find(&name).cloned() else {
            return Err(Fault::new(
                &frame.template,
                offset,
                format!("template {name:?} not defined"),
            ));
        };
        let data = match pipeline {
            Some(pipeline) => self.pipeline(frame, pipeline, dot)?,
            None => Value::Nil,
        };
        self.run(&template, data, out)
            .map_err(|fault| fault.called_from(&frame.template, offset))?;
        self.check_output(frame, offset, out.len())
    }

    fn check_output(&self, frame: &Frame, offset: usize, length: usize) -> Run<()> {
        if length > self.limits.output {
            let problem = format!("the output is longer than {} bytes", self.limits.output);
            return Err(Fault::new(&frame.template, offset, problem));
        }
        Ok(())
    }

    fn range(
        &mut self,
        frame: &mut Frame,
        pipeline: &Pipeline,
        (body, otherwise): (&[Node], &[Node]),
        dot: &Value,
        out: &mut Vec<u8>,
    ) -> Run<Flow> {
        let value = self.pipeline(frame, pipeline, dot)?;
        let passes = passes_of(&value, pipeline.variables.len())
            .map_err(|problem| Fault::new(&frame.template, pipeline.offset, problem))?;
        let mut is_empty = true;
        for (key, item) in passes {
            is_empty = false;
            self.count_step(frame, pipeline.offset)?;
            set_range_variables(frame, pipeline, key, &item);
            let mark = frame.variables.len();
            let flow = self.walk(frame, body, &item, out);
            frame.variables.truncate(mark);
            if flow? == Flow::Break {
                break;
            }
        }
        if is_empty {
            return self.walk(frame, otherwise, dot, out);
        }
        Ok(Flow::Next)
    }
}

/// The keys and items of one loop.
type Passes = Box<dyn Iterator<Item = (Value, Value)>>;

/// What a loop over a value goes through. The body may change the value: the loop does not see it.
fn passes_of(value: &Value, variables: usize) -> Result<Passes, String> {
    let by_key = |entries: std::collections::BTreeMap<Text, Value>| -> Passes {
        Box::new(
            entries
                .into_iter()
                .map(|(key, item)| (Value::Str(key), item)),
        )
    };
    Ok(match value {
        Value::Nil => Box::new(std::iter::empty()),
        Value::Map(map) => {
            let entries = map.entries.borrow().clone();
            by_key(entries)
        }
        Value::Struct(structure) if matches!(structure.methods, Methods::Files(_)) => {
            by_key(structure.entries().unwrap_or_default())
        }
        Value::Int(count, _) if variables > 1 => {
            return Err(format!(
                "can't use {count} to iterate over more than one variable"
            ));
        }
        Value::Int(count, kind) => {
            let kind = *kind;
            Box::new((0..*count).map(move |index| (Value::int(index), Value::Int(index, kind))))
        }
        other => match other.items() {
            Some(items) => {
                let items = items.into_owned().into_iter().enumerate();
                Box::new(items.map(|(index, item)| (Value::int(index as i64), item)))
            }
            None => {
                return Err(format!(
                    "range can't iterate over {}",
                    to_display(other).to_str()
                ));
            }
        },
    })
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

fn print_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Nil => out.extend_from_slice(NO_VALUE),
        Value::Str(text) => out.extend_from_slice(text),
        // Only what an action prints is taken by its address, and so by its `String` method.
        Value::Struct(structure) if matches!(structure.methods, Methods::KubeVersion) => {
            write_display(out, &structure.field(b"Version").unwrap_or(Value::Nil));
        }
        value => write_display(out, value),
    }
}
