//! Semantic versions: `semver`, `semverCompare`, and the methods of a version.

use std::rc::Rc;
use std::sync::Arc;

use super::arguments::text;
use super::{Outcome, Parameter};
use crate::failure::Failure;
use crate::value::{IntType, Methods, Structure, Value};
use crate::versions::{Constraint, Version, has_leading_zero, split_part};

fn version_of(text: &str) -> Result<Version, Failure> {
    Version::parse(text).ok_or_else(|| Failure::from(format!("invalid semantic version {text:?}")))
}

pub(super) fn semver(args: &[Value]) -> Outcome {
    Ok(version_of(&text(&args[0]))?.into_value("*semver.Version"))
}

pub(super) fn semver_compare(args: &[Value]) -> Outcome {
    let (constraint, version) = (text(&args[0]), text(&args[1]));
    let constraint = Constraint::parse(&constraint)
        .ok_or_else(|| Failure::from(format!("improper constraint: {constraint}")))?;
    Ok(Value::Bool(constraint.check(&version_of(&version)?)))
}

impl Version {
    /// The types of a method's parameters; `None` if there is no such method. Some need a pointer to the version.
    pub(crate) fn parameters(&self, is_pointer: bool, name: &[u8]) -> Option<&'static [Parameter]> {
        match name {
            b"Major" | b"Minor" | b"Patch" | b"Prerelease" | b"Metadata" | b"String" | b"Value"
            | b"IncMajor" | b"IncMinor" | b"IncPatch" | b"MarshalText" | b"MarshalJSON" => {
                Some(&[])
            }
            b"SetPrerelease" | b"SetMetadata" => Some(&[Parameter::Text]),
            b"Original" if is_pointer => Some(&[]),
            b"Compare" | b"Equal" | b"LessThan" | b"LessThanEqual" | b"GreaterThan"
            | b"GreaterThanEqual"
                if is_pointer =>
            {
                Some(&[Parameter::Version])
            }
            _ => None,
        }
    }

    /// The result of a method without parameters.
    pub(crate) fn member(&self, name: &[u8]) -> Option<Value> {
        let number = |number: u64| Some(Value::Int(number as i64, IntType::Uint64));
        match name {
            b"Major" => number(self.major),
            b"Minor" => number(self.minor),
            b"Patch" => number(self.patch),
            b"Prerelease" => Some(Value::text(self.pre.as_str())),
            b"Metadata" => Some(Value::text(self.metadata.as_str())),
            b"Original" => Some(Value::text(self.original.as_str())),
            b"String" | b"Value" => Some(Value::text(self.to_string())),
            b"MarshalText" => Some(Value::Bytes(Arc::from(self.to_string().into_bytes()))),
            b"MarshalJSON" => Some(Value::Bytes(Arc::from(format!("\"{self}\"").into_bytes()))),
            b"IncMajor" => Some(self.next(self.major.wrapping_add(1), 0, 0)),
            b"IncMinor" => Some(self.next(self.major, self.minor.wrapping_add(1), 0)),
            b"IncPatch" => {
                let patch = if self.pre.is_empty() {
                    self.patch.wrapping_add(1)
                } else {
                    self.patch
                };
                Some(self.next(self.major, self.minor, patch))
            }
            _ => None,
        }
    }

    /// The result of a method with a parameter.
    pub(crate) fn call(&self, name: &[u8], arguments: &[Value]) -> Outcome {
        match arguments {
            [Value::Struct(structure)] => match &structure.methods {
                Methods::Version(other) => Ok(self.compare_as(name, other)),
                _ => Ok(Value::Nil),
            },
            [Value::Str(part)] => self.with_part(name, &part.to_str()),
            _ => Ok(Value::Nil),
        }
    }

    fn compare_as(&self, name: &[u8], other: &Self) -> Value {
        let order = self.compare(other);
        Value::Bool(match name {
            b"LessThan" => order.is_lt(),
            b"LessThanEqual" => order.is_le(),
            b"GreaterThan" => order.is_gt(),
            b"GreaterThanEqual" => order.is_ge(),
            b"Equal" => order.is_eq(),
            _ => return Value::int(order as i64),
        })
    }

    /// `SetPrerelease` and `SetMetadata`: another version.
    fn with_part(&self, name: &[u8], part: &str) -> Outcome {
        let (separator, kind) = match name {
            b"SetPrerelease" => ('-', "prerelease"),
            _ => ('+', "metadata"),
        };
        if !part.is_empty() && split_part(&format!("{separator}{part}"), separator).is_none() {
            return Err(Failure::from(format!("invalid {kind} string")));
        }
        if separator == '-' && part.split('.').any(has_leading_zero) {
            return Err("version segment starts with 0".into());
        }
        let mut next = self.clone();
        match separator {
            '-' => next.pre = part.to_owned(),
            _ => next.metadata = part.to_owned(),
        }
        Ok(next.into_value("semver.Version"))
    }

    fn next(&self, major: u64, minor: u64, patch: u64) -> Value {
        let prefix = if self.original.starts_with('v') {
            "v"
        } else {
            ""
        };
        let original = format!("{prefix}{major}.{minor}.{patch}");
        let next = Self {
            major,
            minor,
            patch,
            pre: String::new(),
            metadata: String::new(),
            original,
        };
        next.into_value("semver.Version")
    }

    fn into_value(self, type_name: &'static str) -> Value {
        Value::Struct(Rc::new(Structure {
            type_name,
            fields: Vec::new(),
            methods: Methods::Version(Box::new(self)),
        }))
    }
}
