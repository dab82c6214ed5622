//! Parses the content of actions: pipelines, commands, operands.

use super::ast::{Command, Expression, ExpressionKind, NumberLiteral, Pipeline, Variable};
use super::lexer::{Token, TokenKind};
use super::literal;
use super::parser::{Context, Parsed, Parser};
use crate::functions;
use crate::value::{Text, Value};

impl Parser<'_> {
    pub(super) fn pipeline(&mut self, context: Context) -> Parsed<Pipeline> {
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
        number: Option<NumberLiteral>,
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

/// `.name` without its point.
fn field_name(token: &str) -> Text {
    Text::from(&token[1..])
}
