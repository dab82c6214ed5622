//! Tokens to a tree.

use std::collections::HashMap;
use std::rc::Rc;

use super::ast::{Command, Expression, ExpressionKind, Node, Pipeline, Template, Variable};
use super::lexer::{Token, TokenKind, tokenize};
use super::literal;
use crate::functions;
use crate::value::{Text, Value};

/// How deep parentheses and blocks may nest.
const MAX_DEPTH: usize = 200;

/// What is wrong with a template, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParseError {
    /// The byte offset into the file.
    pub(crate) offset: usize,
    /// The problem.
    pub(crate) problem: String,
}

/// Parses a file: the template that the file is, then those it defines.
pub(crate) fn parse(name: &str, source: &str) -> Result<Vec<Rc<Template>>, ParseError> {
    let source: Rc<str> = Rc::from(source);
    let mut parser = Parser {
        tokens: tokenize(&source)?,
        position: 0,
        names: HashMap::from([("$".to_owned(), 0)]),
        scope: vec![0],
        ranges: 0,
        depth: 0,
        file: Rc::from(name),
        source: source.clone(),
        defined: Vec::new(),
    };
    let nodes = parser.file()?;
    let file = parser.file.clone();
    parser.define(file, nodes, 0)?;
    Ok(parser.defined)
}

/// Where a list of nodes ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    End,
    Else,
    /// `{{ else if` or `{{ else with`: the keyword is the next token.
    ElseChain,
}

/// Which control a pipeline belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Context {
    Command,
    If,
    With,
    Range,
    Template,
    Parenthesis,
}

struct Parser<'a> {
    tokens: Vec<Token<'a>>,
    position: usize,
    names: HashMap<String, Variable>,
    scope: Vec<Variable>,
    ranges: usize,
    depth: usize,
    file: Rc<str>,
    source: Rc<str>,
    defined: Vec<Rc<Template>>,
}

type Parsed<T> = Result<T, ParseError>;

impl<'a> Parser<'a> {
    fn peek(&self) -> &Token<'a> {
        // The last token ends the file and is never passed.
        &self.tokens[self.position.min(self.tokens.len() - 1)]
    }

    fn next(&mut self) -> Token<'a> {
        let token = self.peek().clone();
        self.position += 1;
        token
    }

    fn skip_space(&mut self) {
        while self.peek().kind == TokenKind::Space {
            self.position += 1;
        }
    }

    fn next_non_space(&mut self) -> Token<'a> {
        self.skip_space();
        self.next()
    }

    fn error<T>(&self, offset: usize, problem: impl Into<String>) -> Parsed<T> {
        Err(ParseError {
            offset,
            problem: problem.into(),
        })
    }

    fn unexpected<T>(&self, token: &Token<'_>, context: &str) -> Parsed<T> {
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

    fn enter(&mut self, offset: usize) -> Parsed<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.error(offset, format!("nested deeper than {MAX_DEPTH} levels"));
        }
        Ok(())
    }

    /// The whole file: text, actions and, only here, definitions.
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
        });
        match self
            .defined
            .iter()
            .position(|other| other.name == template.name)
        {
            None => self.defined.push(template),
            Some(at) if is_empty(&self.defined[at].nodes) => self.defined[at] = template,
            Some(_) if is_empty(&template.nodes) => {}
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
            TokenKind::Text => Ok(Parts::Node(Node::Text(Text::from(token.text)))),
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

    fn unquote(&self, token: &Token<'_>) -> Parsed<Text> {
        match literal::unquote(token.text) {
            Some(bytes) => Ok(Text::from(bytes)),
            None => self.error(token.offset, "invalid syntax in a string"),
        }
    }

    fn pipeline(&mut self, context: Context) -> Parsed<Pipeline> {
        self.skip_space();
        let mut pipeline = Pipeline {
            offset: self.peek().offset,
            variables: Vec::new(),
            assigns: false,
            commands: Vec::new(),
        };
        self.declarations(context, &mut pipeline)?;
        loop {
            self.skip_space();
            let token = self.peek().clone();
            match token.kind {
                TokenKind::RightDelimiter | TokenKind::RightParenthesis => {
                    let closes = (context == Context::Parenthesis)
                        == (token.kind == TokenKind::RightParenthesis);
                    if !closes {
                        return self.unexpected(&token, "pipeline");
                    }
                    self.position += 1;
                    self.check(&pipeline, context)?;
                    return Ok(pipeline);
                }
                TokenKind::Bool
                | TokenKind::Character
                | TokenKind::Dot
                | TokenKind::Field
                | TokenKind::Identifier
                | TokenKind::Number
                | TokenKind::Nil
                | TokenKind::RawString
                | TokenKind::QuotedString
                | TokenKind::Variable
                | TokenKind::LeftParenthesis => {
                    let command = self.command()?;
                    pipeline.commands.push(command);
                }
                _ => return self.unexpected(&token, "command"),
            }
        }
    }

    /// `$x :=`, `$x =`, and in a range `$i, $x :=`.
    fn declarations(&mut self, context: Context, pipeline: &mut Pipeline) -> Parsed<()> {
        loop {
            self.skip_space();
            let start = self.position;
            let variable = self.peek().clone();
            if variable.kind != TokenKind::Variable {
                return Ok(());
            }
            self.position += 1;
            self.skip_space();
            match self.peek().kind {
                TokenKind::Declare | TokenKind::Assign => {
                    pipeline.assigns = self.peek().kind == TokenKind::Assign;
                    self.position += 1;
                    self.declare(&variable, pipeline);
                    return Ok(());
                }
                TokenKind::Comma => {
                    self.position += 1;
                    self.declare(&variable, pipeline);
                    if context != Context::Range || pipeline.variables.len() > 1 {
                        return self.error(variable.offset, "too many declarations");
                    }
                    self.skip_space();
                    if self.peek().kind != TokenKind::Variable {
                        return self.error(variable.offset, "range can only initialize variables");
                    }
                }
                _ => {
                    self.position = start;
                    return Ok(());
                }
            }
        }
    }

    fn declare(&mut self, variable: &Token<'_>, pipeline: &mut Pipeline) {
        let number = self.number_of(variable.text);
        pipeline.variables.push(number);
        self.scope.push(number);
    }

    fn number_of(&mut self, name: &str) -> Variable {
        let next = self.names.len() as Variable;
        *self.names.entry(name.to_owned()).or_insert(next)
    }

    fn check(&self, pipeline: &Pipeline, context: Context) -> Parsed<()> {
        if pipeline.commands.is_empty() {
            let name = match context {
                Context::Command => "command",
                Context::If => "if",
                Context::With => "with",
                Context::Range => "range",
                Context::Template => "template clause",
                Context::Parenthesis => "parenthesized pipeline",
            };
            return self.error(pipeline.offset, format!("missing value for {name}"));
        }
        for (index, command) in pipeline.commands.iter().enumerate().skip(1) {
            let first = &command.operands[0];
            if let ExpressionKind::Bool(_)
            | ExpressionKind::Dot
            | ExpressionKind::Nil
            | ExpressionKind::Number(_)
            | ExpressionKind::Text(_) = first.kind
            {
                return self.error(
                    first.offset,
                    format!("non executable command in pipeline stage {}", index + 1),
                );
            }
        }
        Ok(())
    }

    fn command(&mut self) -> Parsed<Command> {
        let mut operands = Vec::new();
        let offset = self.peek().offset;
        loop {
            self.skip_space();
            if let Some(operand) = self.operand()? {
                operands.push(operand);
            }
            let token = self.peek().clone();
            match token.kind {
                TokenKind::Space => {
                    self.position += 1;
                    continue;
                }
                TokenKind::RightDelimiter | TokenKind::RightParenthesis => {}
                TokenKind::Pipe => self.position += 1,
                _ => return self.unexpected(&token, "operand"),
            }
            break;
        }
        if operands.is_empty() {
            return self.error(offset, "empty command");
        }
        Ok(Command { operands })
    }

    fn operand(&mut self) -> Parsed<Option<Expression>> {
        let Some(mut expression) = self.term()? else {
            return Ok(None);
        };
        if self.peek().kind != TokenKind::Field {
            return Ok(Some(expression));
        }
        let offset = self.peek().offset;
        let mut fields = Vec::new();
        while self.peek().kind == TokenKind::Field {
            fields.push(field_name(self.next().text));
        }
        match &mut expression.kind {
            ExpressionKind::Field(names) | ExpressionKind::Variable(_, names) => {
                names.extend(fields)
            }
            ExpressionKind::Bool(_)
            | ExpressionKind::Text(_)
            | ExpressionKind::Number(_)
            | ExpressionKind::Nil
            | ExpressionKind::Dot => return self.error(offset, "unexpected . after term"),
            ExpressionKind::Chain(..)
            | ExpressionKind::Function(_)
            | ExpressionKind::Pipeline(_) => {
                let start = expression.offset;
                expression = Expression {
                    offset: start,
                    kind: ExpressionKind::Chain(Box::new(expression), fields),
                };
            }
        }
        Ok(Some(expression))
    }

    fn term(&mut self) -> Parsed<Option<Expression>> {
        let token = self.next_non_space();
        let kind = match token.kind {
            TokenKind::Identifier => match functions::find(token.text) {
                Some(function) => ExpressionKind::Function(function),
                None => {
                    return self.error(
                        token.offset,
                        format!("function {:?} not defined", token.text),
                    );
                }
            },
            TokenKind::Dot => ExpressionKind::Dot,
            TokenKind::Nil => ExpressionKind::Nil,
            TokenKind::Bool => ExpressionKind::Bool(token.text == "true"),
            TokenKind::Field => ExpressionKind::Field(vec![field_name(token.text)]),
            TokenKind::Variable => {
                let number = self.number_of(token.text);
                if !self.scope.contains(&number) {
                    return self
                        .error(token.offset, format!("undefined variable {:?}", token.text));
                }
                ExpressionKind::Variable(number, Vec::new())
            }
            TokenKind::Number => self.number_literal(&token, literal::number(token.text))?,
            TokenKind::Character => self.number_literal(&token, literal::character(token.text))?,
            TokenKind::QuotedString | TokenKind::RawString => {
                ExpressionKind::Text(Value::Str(self.unquote(&token)?))
            }
            TokenKind::LeftParenthesis => {
                self.enter(token.offset)?;
                let pipeline = self.pipeline(Context::Parenthesis)?;
                self.depth -= 1;
                ExpressionKind::Pipeline(Box::new(pipeline))
            }
            _ => {
                self.position -= 1;
                return Ok(None);
            }
        };
        Ok(Some(Expression {
            offset: token.offset,
            kind,
        }))
    }

    fn number_literal(
        &self,
        token: &Token<'_>,
        number: Option<super::ast::NumberLiteral>,
    ) -> Parsed<ExpressionKind> {
        match number {
            Some(number) => Ok(ExpressionKind::Number(number)),
            None => self.error(
                token.offset,
                format!("illegal number syntax: {:?}", token.text),
            ),
        }
    }
}

/// What an action was.
enum Parts {
    Node(Node),
    Ending(Ending, usize),
}

/// `.name` without its point.
fn field_name(token: &str) -> Text {
    Text::from(&token[1..])
}

/// Whether nodes are nothing but blank text.
pub(crate) fn is_empty(nodes: &[Node]) -> bool {
    nodes.iter().all(|node| match node {
        Node::Text(text) => text.iter().all(u8::is_ascii_whitespace),
        Node::Action(_)
        | Node::If { .. }
        | Node::With { .. }
        | Node::Range { .. }
        | Node::Template { .. }
        | Node::Break
        | Node::Continue => false,
    })
}
