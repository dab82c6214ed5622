//! Makes a tree of the tokens.

use std::collections::HashMap;
use std::rc::Rc;

use super::ast::{Node, Template, Variable};
use super::error::{ParseError, TREE_PER_TOKEN};
use super::lexer::{Token, TokenKind, tokenize};
use super::literal;
use crate::value::Text;
use crate::value::memory::Held;

/// The maximum depth of parentheses and blocks.
const MAX_DEPTH: usize = 200;

/// Parses a file. Returns the template of the file itself, and the templates that it defines.
pub(crate) fn parse(name: &str, source: &str) -> Result<Vec<Rc<Template>>, ParseError> {
    let source: Rc<str> = Rc::from(source);
    let tokens = tokenize(&source)?;
    let held = source.len() + tokens.len() * TREE_PER_TOKEN;
    let mut parser = Parser {
        tokens,
        position: 0,
        names: HashMap::from([("$".to_owned(), 0)]),
        scope: vec![0],
        ranges: 0,
        depth: 0,
        file: Rc::from(name),
        source: source.clone(),
        held: Rc::new(Held::new(held)),
        defined: Vec::new(),
    };
    let nodes = parser.file()?;
    let file = parser.file.clone();
    parser.define(file, nodes, 0)?;
    Ok(parser.defined)
}

/// The end of a list of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    End,
    Else,
    /// `{{ else if` or `{{ else with`: the keyword is the next token.
    ElseChain,
}

/// The action or parenthesis around a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Context {
    Command,
    If,
    With,
    Range,
    Template,
    Parenthesis,
}

pub(super) struct Parser<'a> {
    tokens: Vec<Token<'a>>,
    pub(super) position: usize,
    pub(super) names: HashMap<String, Variable>,
    pub(super) scope: Vec<Variable>,
    ranges: usize,
    pub(super) depth: usize,
    file: Rc<str>,
    source: Rc<str>,
    held: Rc<Held>,
    defined: Vec<Rc<Template>>,
}

pub(super) type Parsed<T> = Result<T, ParseError>;

impl<'a> Parser<'a> {
    pub(super) fn peek(&self) -> &Token<'a> {
        // The last token is the end of the file.
        &self.tokens[self.position.min(self.tokens.len() - 1)]
    }

    pub(super) fn next(&mut self) -> Token<'a> {
        let token = self.peek().clone();
        self.position += 1;
        token
    }

    pub(super) fn skip_space(&mut self) {
        while self.peek().kind == TokenKind::Space {
            self.position += 1;
        }
    }

    pub(super) fn next_non_space(&mut self) -> Token<'a> {
        self.skip_space();
        self.next()
    }

    pub(super) fn error<T>(&self, offset: usize, problem: impl Into<String>) -> Parsed<T> {
        Err(ParseError {
            offset,
            problem: problem.into(),
        })
    }

    pub(super) fn unexpected<T>(&self, token: &Token<'_>, context: &str) -> Parsed<T> {
        match token.kind {
            TokenKind::EndOfFile => {
                self.error(token.offset, format!("unexpected EOF in {context}"))
            }
            _ => self.error(
                token.offset,
                format!("unexpected {:?} in {context}", token.text),
            ),
        }
    }

    fn expect(&mut self, kind: TokenKind, context: &str) -> Parsed<Token<'a>> {
        let token = self.next_non_space();
        if token.kind == kind {
            Ok(token)
        } else {
            self.unexpected(&token, context)
        }
    }

    pub(super) fn enter(&mut self, offset: usize) -> Parsed<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.error(offset, format!("nested deeper than {MAX_DEPTH} levels"));
        }
        Ok(())
    }

    /// The whole file: text, actions and definitions, which are allowed only here.
    fn file(&mut self) -> Parsed<Vec<Node>> {
        let mut nodes = Vec::new();
        while self.peek().kind != TokenKind::EndOfFile {
            if self.peek().kind == TokenKind::LeftDelimiter {
                let start = self.position;
                self.position += 1;
                if self.next_non_space().kind == TokenKind::Define {
                    self.definition()?;
                    continue;
                }
                self.position = start;
            }
            match self.text_or_action()? {
                Parts::Node(node) => nodes.push(node),
                Parts::Ending(ending, offset) => {
                    let word = if ending == Ending::End { "end" } else { "else" };
                    return self.error(offset, format!("unexpected {{{{{word}}}}}"));
                }
            }
        }
        Ok(nodes)
    }

    fn definition(&mut self) -> Parsed<()> {
        let (offset, name) = self.template_name("define clause")?;
        self.expect(TokenKind::RightDelimiter, "define clause")?;
        let nodes = self.isolated(|parser| parser.list())?;
        match nodes {
            (nodes, Ending::End) => self.define(Rc::from(name.to_str().as_ref()), nodes, offset),
            (_, Ending::Else | Ending::ElseChain) => {
                self.error(offset, "unexpected {{else}} in define clause")
            }
        }
    }

    /// A part with variables and ranges of its own: a definition or a block.
    fn isolated<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        let scope = std::mem::replace(&mut self.scope, vec![0]);
        let ranges = std::mem::take(&mut self.ranges);
        let result = parse(self);
        self.scope = scope;
        self.ranges = ranges;
        result
    }

    fn define(&mut self, name: Rc<str>, nodes: Vec<Node>, offset: usize) -> Parsed<()> {
        let template = Rc::new(Template {
            name,
            file: self.file.clone(),
            source: self.source.clone(),
            nodes,
            _held: self.held.clone(),
        });
        match self
            .defined
            .iter()
            .position(|other| other.name == template.name)
        {
            None => self.defined.push(template),
            Some(at) if self.defined[at].is_empty() => self.defined[at] = template,
            Some(_) if template.is_empty() => {}
            Some(_) => {
                return self.error(
                    offset,
                    format!("multiple definition of template {:?}", template.name),
                );
            }
        }
        Ok(())
    }

    fn list(&mut self) -> Parsed<(Vec<Node>, Ending)> {
        let start = self.peek().offset;
        self.enter(start)?;
        let mut nodes = Vec::new();
        loop {
            if self.peek().kind == TokenKind::EndOfFile {
                return self.error(self.peek().offset, "unexpected EOF: an {{end}} is missing");
            }
            match self.text_or_action()? {
                Parts::Node(node) => nodes.push(node),
                Parts::Ending(ending, _) => {
                    self.depth -= 1;
                    return Ok((nodes, ending));
                }
            }
        }
    }

    fn text_or_action(&mut self) -> Parsed<Parts> {
        let token = self.next_non_space();
        match token.kind {
            TokenKind::Text => Ok(Parts::Node(Node::Text(
                token.offset..token.offset + token.text.len(),
            ))),
            TokenKind::LeftDelimiter => self.action(),
            _ => self.unexpected(&token, "input"),
        }
    }

    fn action(&mut self) -> Parsed<Parts> {
        let start = self.position;
        let token = self.next_non_space();
        let node = match token.kind {
            TokenKind::Block => self.block()?,
            TokenKind::Break | TokenKind::Continue => self.loop_control(&token)?,
            TokenKind::Else => return self.else_control(token.offset),
            TokenKind::End => {
                self.expect(TokenKind::RightDelimiter, "end")?;
                return Ok(Parts::Ending(Ending::End, token.offset));
            }
            TokenKind::If => self.conditional(Context::If)?,
            TokenKind::With => self.conditional(Context::With)?,
            TokenKind::Range => self.range()?,
            TokenKind::Template => self.template()?,
            _ => {
                self.position = start;
                Node::Action(self.pipeline(Context::Command)?)
            }
        };
        Ok(Parts::Node(node))
    }

    fn loop_control(&mut self, token: &Token<'_>) -> Parsed<Node> {
        self.expect(TokenKind::RightDelimiter, token.text)?;
        if self.ranges == 0 {
            return self.error(
                token.offset,
                format!("{{{{{}}}}} outside {{{{range}}}}", token.text),
            );
        }
        Ok(if token.kind == TokenKind::Break {
            Node::Break
        } else {
            Node::Continue
        })
    }

    fn else_control(&mut self, offset: usize) -> Parsed<Parts> {
        self.skip_space();
        if matches!(self.peek().kind, TokenKind::If | TokenKind::With) {
            return Ok(Parts::Ending(Ending::ElseChain, offset));
        }
        self.expect(TokenKind::RightDelimiter, "else")?;
        Ok(Parts::Ending(Ending::Else, offset))
    }

    fn conditional(&mut self, context: Context) -> Parsed<Node> {
        let scope = self.scope.len();
        let pipeline = self.pipeline(context)?;
        let (then, ending) = self.list()?;
        let otherwise = match ending {
            Ending::End => Vec::new(),
            Ending::Else => self.last_list(pipeline.offset)?,
            Ending::ElseChain => {
                let token = self.next();
                let chained = match (context, &token.kind) {
                    (Context::If, TokenKind::If) => Context::If,
                    (Context::With, TokenKind::With) => Context::With,
                    _ => return self.unexpected(&token, "else"),
                };
                self.enter(token.offset)?;
                let node = self.conditional(chained)?;
                self.depth -= 1;
                vec![node]
            }
        };
        self.scope.truncate(scope);
        Ok(if context == Context::With {
            Node::With {
                pipeline,
                then,
                otherwise,
            }
        } else {
            Node::If {
                pipeline,
                then,
                otherwise,
            }
        })
    }

    fn range(&mut self) -> Parsed<Node> {
        let scope = self.scope.len();
        let pipeline = self.pipeline(Context::Range)?;
        self.ranges += 1;
        let (body, ending) = self.list()?;
        self.ranges -= 1;
        let otherwise = match ending {
            Ending::End => Vec::new(),
            Ending::Else => self.last_list(pipeline.offset)?,
            Ending::ElseChain => {
                return self.error(pipeline.offset, "{{range}} has no {{else if}}");
            }
        };
        self.scope.truncate(scope);
        Ok(Node::Range {
            pipeline,
            body,
            otherwise,
        })
    }

    fn last_list(&mut self, offset: usize) -> Parsed<Vec<Node>> {
        match self.list()? {
            (nodes, Ending::End) => Ok(nodes),
            (_, Ending::Else | Ending::ElseChain) => {
                self.error(offset, "expected end; found {{else}}")
            }
        }
    }

    fn template(&mut self) -> Parsed<Node> {
        let (offset, name) = self.template_name("template clause")?;
        self.skip_space();
        let pipeline = if self.peek().kind == TokenKind::RightDelimiter {
            self.position += 1;
            None
        } else {
            Some(self.pipeline(Context::Template)?)
        };
        Ok(Node::Template {
            offset,
            name,
            pipeline,
        })
    }

    fn block(&mut self) -> Parsed<Node> {
        let (offset, name) = self.template_name("block clause")?;
        let pipeline = self.pipeline(Context::Template)?;
        match self.isolated(|parser| parser.list())? {
            (nodes, Ending::End) => self.define(Rc::from(name.to_str().as_ref()), nodes, offset)?,
            (_, Ending::Else | Ending::ElseChain) => {
                return self.error(offset, "unexpected {{else}} in block clause");
            }
        }
        Ok(Node::Template {
            offset,
            name,
            pipeline: Some(pipeline),
        })
    }

    fn template_name(&mut self, context: &str) -> Parsed<(usize, Text)> {
        let token = self.next_non_space();
        match token.kind {
            TokenKind::QuotedString | TokenKind::RawString => {
                Ok((token.offset, self.unquote(&token)?))
            }
            _ => self.unexpected(&token, context),
        }
    }

    pub(super) fn unquote(&self, token: &Token<'_>) -> Parsed<Text> {
        match literal::unquote(token.text) {
            Some(bytes) => Ok(Text::from(bytes)),
            None => self.error(token.offset, "invalid syntax in a string"),
        }
    }
}

/// The kind of an action.
enum Parts {
    Node(Node),
    Ending(Ending, usize),
}
