//! Runs templates: Go's `text/template` executor.

mod cost;
mod evaluate;
mod fields;
mod methods;
mod output;
mod walk;

use std::collections::HashMap;
use std::rc::Rc;

use crate::failure::{Failure, Fault};
use crate::limits::Limits;
use crate::state::State;
use crate::template::{ParseError, Template, parse};
use crate::time::Instant;
use crate::value::memory::Held;
use crate::value::{NO_VALUE, Text, Value};
use output::Output;

type Run<T> = Result<T, Box<Fault>>;

/// Templates by name. Templates that are defined in a text of `tpl` are visible only to that text.
#[derive(Default)]
struct Templates {
    own: HashMap<Rc<str>, Rc<Template>>,
    outer: Option<Rc<Templates>>,
}

impl Templates {
    fn find(&self, name: &str) -> Option<&Rc<Template>> {
        self.own
            .get(name)
            .or_else(|| self.outer.as_ref()?.find(name))
    }

    /// A later definition replaces an earlier one, unless it is empty.
    fn add(&mut self, template: Rc<Template>) {
        if template.is_empty() && self.find(&template.name).is_some() {
            return;
        }
        self.own.insert(template.name.clone(), template);
    }
}

/// Runs the templates of a render.
pub(crate) struct Interpreter<'a> {
    templates: Rc<Templates>,
    limits: &'a Limits,
    state: State,
    output_left: usize,
    finished: Vec<Held>,
    depth: usize,
    including: HashMap<Rc<str>, usize>,
    texts: HashMap<Text, Vec<Rc<Template>>>,
}

/// A running template.
struct Frame {
    template: Rc<Template>,
    variables: Vec<(u32, Value)>,
}

impl Frame {
    fn fault(&self, offset: usize, problem: impl Into<String>) -> Box<Fault> {
        Fault::new(self.template.place(offset), problem)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

/// How many parsed texts of `tpl` are kept.
const MAX_TEXTS: usize = 1_000;

/// Bytes of stack that a level of blocks, parentheses or calls takes.
const LEVEL_SIZE: usize = 768;

/// The limit on `include`s of the same template inside each other, as in Helm.
const MAX_INCLUDES: usize = 1_000;

impl<'a> Interpreter<'a> {
    pub(crate) fn new(limits: &'a Limits, now: Instant, seed: &[u8]) -> Self {
        Self {
            templates: Rc::new(Templates::default()),
            limits,
            state: State::new(limits, now, seed),
            output_left: limits.output,
            finished: Vec::new(),
            depth: 0,
            including: HashMap::new(),
            texts: HashMap::new(),
        }
    }

    /// Parses a file and adds its templates.
    pub(crate) fn add_file(&mut self, name: &str, source: &str) -> Result<(), ParseError> {
        let parsed = parse(name, source)?;
        if let Some(templates) = Rc::get_mut(&mut self.templates) {
            for template in parsed {
                templates.add(template);
            }
        }
        Ok(())
    }

    /// Runs a file's template.
    pub(crate) fn run_file(&mut self, name: &str, data: Value) -> Run<Vec<u8>> {
        let Some(template) = self.templates.find(name).cloned() else {
            return Ok(Vec::new());
        };
        let mut out = Output::default();
        self.run(&template, data, &mut out)?;
        let text = without_no_value(out.into_bytes());
        // Every action has checked that enough is left.
        self.output_left = self.output_left.saturating_sub(text.len());
        self.finished.push(Held::new(text.len()));
        Ok(text)
    }

    /// `include`: the output of a named template.
    fn include(&mut self, name: &str, data: Value) -> Result<Value, Failure> {
        let Some(template) = self.templates.find(name).cloned() else {
            return Err(Failure::from(format!(
                "no template {name:?} associated with template \"gotpl\""
            )));
        };
        let count = self.including.entry(template.name.clone()).or_insert(0);
        if *count > MAX_INCLUDES {
            return Err(Failure::from(format!(
                "rendering template has a nested reference name: {name}: unable to execute template"
            )));
        }
        *count += 1;
        let mut out = Output::default();
        let result = self.run(&template, data, &mut out);
        if let Some(count) = self.including.get_mut(&template.name) {
            *count -= 1;
        }
        result.map_err(Failure::Fault)?;
        Ok(Value::text(out.into_bytes()))
    }

    /// `tpl`: the output of a text that is a template.
    fn render_text(&mut self, text: &str, data: Value) -> Result<Value, Failure> {
        if !text.contains("{{") {
            return Ok(Value::text(without_no_value(text.as_bytes().to_vec())));
        }
        let key = Text::from(text);
        let parsed = match self.texts.get(&key) {
            Some(parsed) => parsed.clone(),
            None => {
                let parsed = parse("gotpl", text).map_err(|error| {
                    let (line, _) = crate::template::position(text, error.offset);
                    Failure::from(format!(
                        "cannot parse template {text:?}: line {line}: {}",
                        error.problem
                    ))
                })?;
                if self.texts.len() >= MAX_TEXTS {
                    self.texts.clear();
                }
                self.texts.insert(key, parsed.clone());
                parsed
            }
        };
        let mut inner = Templates {
            own: HashMap::new(),
            outer: Some(self.templates.clone()),
        };
        let Some(main) = parsed
            .iter()
            .find(|template| &*template.name == "gotpl")
            .cloned()
        else {
            return Ok(Value::text(""));
        };
        for template in parsed {
            inner.add(template);
        }
        let outer = std::mem::replace(&mut self.templates, Rc::new(inner));
        let mut out = Output::default();
        let result = self.run(&main, data, &mut out);
        self.templates = outer;
        result.map_err(Failure::Fault)?;
        Ok(Value::text(without_no_value(out.into_bytes())))
    }

    fn run(&mut self, template: &Rc<Template>, data: Value, out: &mut Output) -> Run<()> {
        self.depth += 1;
        if self.depth > self.limits.depth {
            self.depth -= 1;
            let problem = format!(
                "templates use each other more than {} levels deep",
                self.limits.depth
            );
            return Err(Fault::new(template.place(0), problem));
        }
        let mut frame = Frame {
            template: template.clone(),
            variables: vec![(0, data.clone())],
        };
        let result = self.walk(&mut frame, &template.nodes, &data, out);
        self.depth -= 1;
        result.map(|_| ())
    }

    /// Counts a level of blocks, parentheses or calls, until the returned value is dropped.
    fn enter(&mut self, frame: &Frame, offset: usize) -> Run<Held> {
        Held::checked(LEVEL_SIZE).map_err(|problem| self.fault(frame, offset, None, problem.into()))
    }

    fn count_steps(&mut self, frame: &Frame, offset: usize, count: usize) -> Run<()> {
        self.state
            .steps(count)
            .map_err(|failure| self.fault(frame, offset, None, failure))
    }

    /// The failure of a function, with the place of its call.
    fn fault(
        &self,
        frame: &Frame,
        offset: usize,
        function: Option<&str>,
        failure: Failure,
    ) -> Box<Fault> {
        match (failure, function) {
            (Failure::Fault(fault), _) => fault.called_from(|| frame.template.place(offset)),
            (Failure::Stop(message), _) | (Failure::Message(message), None) => {
                frame.fault(offset, message)
            }
            (Failure::Message(message), Some(name)) => {
                frame.fault(offset, format!("error calling {name}: {message}"))
            }
        }
    }
}

/// `strings.ReplaceAll(text, "<no value>", "")`
fn without_no_value(text: Vec<u8>) -> Vec<u8> {
    let Some(mut at) = find_no_value(&text) else {
        return text;
    };
    let mut out = Vec::with_capacity(text.len());
    let mut rest = &text[..];
    loop {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + NO_VALUE.len()..];
        match find_no_value(rest) {
            Some(next) => at = next,
            None => break,
        }
    }
    out.extend_from_slice(rest);
    out
}

fn find_no_value(text: &[u8]) -> Option<usize> {
    let mut start = 0;
    loop {
        start += text[start..].iter().position(|byte| *byte == NO_VALUE[0])?;
        if text[start..].starts_with(NO_VALUE) {
            return Some(start);
        }
        start += 1;
    }
}
