//! Makes a tree of nodes of the tokens, with libyaml's grammar and messages.

use std::collections::HashMap;
use std::rc::Rc;

use super::YamlError;
use super::scanner::{ScalarStyle, Scanner, Token, TokenKind};
use crate::value::memory::Held;

/// A node of a document.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: NodeKind,
    pub(super) tag: Option<String>,
}

#[derive(Debug)]
pub(super) enum NodeKind {
    Scalar(String, ScalarStyle),
    Sequence(Vec<Rc<Node>>),
    Mapping(Vec<(Rc<Node>, Rc<Node>)>),
    Alias(Rc<Node>),
}

pub(super) struct Parser<'a> {
    scanner: Scanner<'a>,
    anchors: HashMap<String, Option<Rc<Node>>>,
    tag_handles: HashMap<String, String>,
    depth: usize,
    first: bool,
    size: usize,
    held: Held,
}

/// The maximum size of the nodes of a document, in bytes.
const MAX_SIZE: usize = 16 << 20;
/// Bytes that a node takes in addition to its text.
const NODE_SIZE: usize = 112;

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            scanner: Scanner::new(text),
            anchors: HashMap::new(),
            tag_handles: HashMap::new(),
            depth: 0,
            first: true,
            size: 0,
            held: Held::default(),
        }
    }

    /// The root of the next document, if there is one.
    pub(super) fn document(&mut self) -> Result<Option<Rc<Node>>, YamlError> {
        let implicit = self.first;
        if self.first {
            self.scanner.next()?;
            self.first = false;
        } else {
            while matches!(self.kind()?, TokenKind::DocumentEnd) {
                self.scanner.next()?;
            }
        }
        self.anchors.clear();
        self.tag_handles.clear();
        self.size = 0;
        self.held = Held::default();
        let mut directives = false;
        while matches!(
            self.kind()?,
            TokenKind::VersionDirective | TokenKind::TagDirective(..)
        ) {
            directives = true;
            if let TokenKind::TagDirective(handle, prefix) = self.scanner.next()?.kind {
                self.tag_handles.insert(handle, prefix);
            }
        }
        match self.kind()? {
            TokenKind::StreamEnd if !directives => return Ok(None),
            TokenKind::DocumentStart => {
                self.scanner.next()?;
                let empty = matches!(
                    self.kind()?,
                    TokenKind::VersionDirective
                        | TokenKind::TagDirective(..)
                        | TokenKind::DocumentStart
                        | TokenKind::DocumentEnd
                        | TokenKind::StreamEnd
                );
                if empty {
                    return self.finish(self.empty_node()?).map(Some);
                }
            }
            _ if !implicit || directives => {
                return self.error("did not find expected <document start>");
            }
            _ => {}
        }
        let root = self.node(true, false)?;
        self.finish(root).map(Some)
    }

    fn finish(&mut self, root: Rc<Node>) -> Result<Rc<Node>, YamlError> {
        if matches!(self.kind()?, TokenKind::DocumentEnd) {
            self.scanner.next()?;
        }
        Ok(root)
    }

    fn kind(&mut self) -> Result<&TokenKind, YamlError> {
        self.scanner.peek().map(|token| &token.kind)
    }

    /// An error of the parser at the next token; lines are counted from zero.
    fn error<T>(&mut self, problem: &str) -> Result<T, YamlError> {
        let line = self.scanner.peek()?.mark.line;
        self.error_at(line, problem)
    }

    fn error_in<T>(&mut self, start: usize, problem: &str) -> Result<T, YamlError> {
        let line = self.scanner.peek()?.mark.line;
        self.error_at(if line == 0 { start } else { line }, problem)
    }

    fn error_at<T>(&self, line: usize, problem: &str) -> Result<T, YamlError> {
        Err(YamlError(if line == 0 {
            format!("yaml: {problem}")
        } else {
            format!("yaml: line {line}: {problem}")
        }))
    }

    /// Counts the memory of a node.
    fn count(&mut self, kind: &NodeKind) -> Result<(), YamlError> {
        let size = NODE_SIZE
            + match kind {
                NodeKind::Scalar(text, _) => text.capacity(),
                NodeKind::Sequence(_) | NodeKind::Mapping(_) | NodeKind::Alias(_) => 0,
            };
        self.size += size;
        if self.size > MAX_SIZE || self.held.grow_checked(size).is_err() {
            return Err(YamlError::too_large());
        }
        Ok(())
    }

    fn empty_node(&self) -> Result<Rc<Node>, YamlError> {
        let kind = NodeKind::Scalar(String::new(), ScalarStyle::Plain);
        Ok(Rc::new(Node { kind, tag: None }))
    }

    fn node(&mut self, block: bool, indentless: bool) -> Result<Rc<Node>, YamlError> {
        self.depth += 1;
        if self.depth > super::MAX_DEPTH {
            return self.error(&format!("exceeded max depth of {}", super::MAX_DEPTH));
        }
        let node = self.node_inside(block, indentless);
        self.depth -= 1;
        node
    }

    fn node_inside(&mut self, block: bool, indentless: bool) -> Result<Rc<Node>, YamlError> {
        let start = self.scanner.peek()?.mark.line;
        if let TokenKind::Alias(_) = self.kind()? {
            return self.alias();
        }
        let (mut anchor, mut tag) = (None, None);
        loop {
            match self.kind()? {
                TokenKind::Anchor(_) if anchor.is_none() => {
                    if let TokenKind::Anchor(name) = self.scanner.next()?.kind {
                        anchor = Some(name);
                    }
                }
                TokenKind::Tag(..) if tag.is_none() => {
                    if let TokenKind::Tag(handle, suffix) = self.scanner.next()?.kind {
                        tag = Some(self.resolve_tag(&handle, suffix)?);
                    }
                }
                _ => break,
            }
        }
        if let Some(name) = &anchor {
            // The node is not finished: a value with an alias to it would contain itself.
            self.anchors.insert(name.clone(), None);
        }
        let kind = self.content(block, indentless, anchor.is_some() || tag.is_some(), start)?;
        let tag = tag.filter(|tag| !tag.is_empty());
        self.count(&kind)?;
        let node = Rc::new(Node { kind, tag });
        if let Some(name) = anchor {
            self.anchors.insert(name, Some(node.clone()));
        }
        Ok(node)
    }

    fn alias(&mut self) -> Result<Rc<Node>, YamlError> {
        let Token { kind, .. } = self.scanner.next()?;
        let TokenKind::Alias(name) = kind else {
            return self.error("did not find expected node content");
        };
        match self.anchors.get(&name) {
            Some(Some(target)) => {
                let kind = NodeKind::Alias(target.clone());
                self.count(&kind)?;
                Ok(Rc::new(Node { kind, tag: None }))
            }
            Some(None) => Err(YamlError(format!(
                "yaml: anchor '{name}' value contains itself"
            ))),
            None => Err(YamlError(format!(
                "yaml: unknown anchor '{name}' referenced"
            ))),
        }
    }

    fn resolve_tag(&mut self, handle: &str, suffix: String) -> Result<String, YamlError> {
        if handle.is_empty() {
            return Ok(suffix);
        }
        if let Some(prefix) = self.tag_handles.get(handle) {
            return Ok(format!("{prefix}{suffix}"));
        }
        match handle {
            "!" => Ok(format!("!{suffix}")),
            "!!" => Ok(format!("tag:yaml.org,2002:{suffix}")),
            _ => self.error("found undefined tag handle"),
        }
    }

    fn content(
        &mut self,
        block: bool,
        indentless: bool,
        decorated: bool,
        start: usize,
    ) -> Result<NodeKind, YamlError> {
        match self.kind()? {
            TokenKind::BlockEntry if indentless => self.indentless_sequence(),
            TokenKind::Scalar(..) => match self.scanner.next()?.kind {
                TokenKind::Scalar(value, style) => Ok(NodeKind::Scalar(value, style)),
                _ => self.error("did not find expected node content"),
            },
            TokenKind::FlowSequenceStart => self.flow_sequence(),
            TokenKind::FlowMappingStart => self.flow_mapping(),
            TokenKind::BlockSequenceStart if block => self.block_sequence(),
            TokenKind::BlockMappingStart if block => self.block_mapping(),
            _ if decorated => Ok(NodeKind::Scalar(String::new(), ScalarStyle::Plain)),
            _ => self.error_in(start, "did not find expected node content"),
        }
    }

    fn indentless_sequence(&mut self) -> Result<NodeKind, YamlError> {
        let mut items = Vec::new();
        while matches!(self.kind()?, TokenKind::BlockEntry) {
            self.scanner.next()?;
            let empty = matches!(
                self.kind()?,
                TokenKind::BlockEntry | TokenKind::Key | TokenKind::Value | TokenKind::BlockEnd
            );
            items.push(if empty {
                self.empty_node()?
            } else {
                self.node(true, false)?
            });
        }
        Ok(NodeKind::Sequence(items))
    }

    fn block_sequence(&mut self) -> Result<NodeKind, YamlError> {
        let start = self.scanner.next()?.mark.line;
        let mut items = Vec::new();
        loop {
            match self.kind()? {
                TokenKind::BlockEntry => {
                    self.scanner.next()?;
                    let empty = matches!(self.kind()?, TokenKind::BlockEntry | TokenKind::BlockEnd);
                    items.push(if empty {
                        self.empty_node()?
                    } else {
                        self.node(true, false)?
                    });
                }
                TokenKind::BlockEnd => {
                    self.scanner.next()?;
                    return Ok(NodeKind::Sequence(items));
                }
                _ => return self.error_in(start, "did not find expected '-' indicator"),
            }
        }
    }

    fn block_mapping(&mut self) -> Result<NodeKind, YamlError> {
        let start = self.scanner.next()?.mark.line;
        let mut entries = Vec::new();
        loop {
            match self.kind()? {
                TokenKind::Key => {
                    self.scanner.next()?;
                    let key = self.block_mapping_part()?;
                    let value = self.block_mapping_value()?;
                    entries.push((key, value));
                }
                TokenKind::BlockEnd => {
                    self.scanner.next()?;
                    return Ok(NodeKind::Mapping(entries));
                }
                _ => return self.error_in(start, "did not find expected key"),
            }
        }
    }

    fn block_mapping_value(&mut self) -> Result<Rc<Node>, YamlError> {
        if !matches!(self.kind()?, TokenKind::Value) {
            return self.empty_node();
        }
        self.scanner.next()?;
        self.block_mapping_part()
    }

    fn block_mapping_part(&mut self) -> Result<Rc<Node>, YamlError> {
        if matches!(
            self.kind()?,
            TokenKind::Key | TokenKind::Value | TokenKind::BlockEnd
        ) {
            return self.empty_node();
        }
        self.node(true, true)
    }

    fn flow_sequence(&mut self) -> Result<NodeKind, YamlError> {
        let start = self.scanner.next()?.mark.line;
        let mut items = Vec::new();
        loop {
            if matches!(self.kind()?, TokenKind::FlowSequenceEnd) {
                break;
            }
            if !items.is_empty() {
                if !matches!(self.kind()?, TokenKind::FlowEntry) {
                    return self.error_in(start, "did not find expected ',' or ']'");
                }
                self.scanner.next()?;
            }
            match self.kind()? {
                // `[a: b]` is a sequence of one mapping.
                TokenKind::Key => {
                    self.scanner.next()?;
                    let key = self.flow_part(&[
                        TokenKind::Value,
                        TokenKind::FlowEntry,
                        TokenKind::FlowSequenceEnd,
                    ])?;
                    let value =
                        self.flow_value(&[TokenKind::FlowEntry, TokenKind::FlowSequenceEnd])?;
                    items.push(Rc::new(Node {
                        kind: NodeKind::Mapping(vec![(key, value)]),
                        tag: None,
                    }));
                }
                TokenKind::FlowSequenceEnd => break,
                _ => items.push(self.node(false, false)?),
            }
        }
        self.scanner.next()?;
        Ok(NodeKind::Sequence(items))
    }

    fn flow_mapping(&mut self) -> Result<NodeKind, YamlError> {
        let start = self.scanner.next()?.mark.line;
        let mut entries = Vec::new();
        loop {
            if matches!(self.kind()?, TokenKind::FlowMappingEnd) {
                break;
            }
            if !entries.is_empty() {
                if !matches!(self.kind()?, TokenKind::FlowEntry) {
                    return self.error_in(start, "did not find expected ',' or '}'");
                }
                self.scanner.next()?;
            }
            match self.kind()? {
                TokenKind::Key => {
                    self.scanner.next()?;
                    let key = self.flow_part(&[
                        TokenKind::Value,
                        TokenKind::FlowEntry,
                        TokenKind::FlowMappingEnd,
                    ])?;
                    let value =
                        self.flow_value(&[TokenKind::FlowEntry, TokenKind::FlowMappingEnd])?;
                    entries.push((key, value));
                }
                TokenKind::FlowMappingEnd => break,
                _ => {
                    let key = self.node(false, false)?;
                    entries.push((key, self.empty_node()?));
                }
            }
        }
        self.scanner.next()?;
        Ok(NodeKind::Mapping(entries))
    }

    fn flow_value(&mut self, ends: &[TokenKind]) -> Result<Rc<Node>, YamlError> {
        if !matches!(self.kind()?, TokenKind::Value) {
            return self.empty_node();
        }
        self.scanner.next()?;
        self.flow_part(ends)
    }

    fn flow_part(&mut self, ends: &[TokenKind]) -> Result<Rc<Node>, YamlError> {
        let kind = std::mem::discriminant(self.kind()?);
        if ends.iter().any(|end| std::mem::discriminant(end) == kind) {
            return self.empty_node();
        }
        self.node(false, false)
    }
}
