//! Arithmetic.

use super::Outcome;
use super::arguments::{float, int};
use super::casting::{to_float, to_int};
use crate::exec::{Failure, Interpreter};
use crate::value::{Value, to_display};

pub(super) fn to_int_value(args: &[Value]) -> Outcome {
    Ok(Value::int(to_int(&args[0])))
}

pub(super) fn to_int64_value(args: &[Value]) -> Outcome {
    Ok(Value::int64(to_int(&args[0])))
}

pub(super) fn to_float_value(args: &[Value]) -> Outcome {
    Ok(Value::Float(to_float(&args[0])))
}

/// `strconv.Atoi`, 0 for what is no number.
pub(super) fn atoi(args: &[Value]) -> Outcome {
    let text = super::arguments::text(&args[0]);
    Ok(Value::int(text.parse().unwrap_or(0)))
}

/// Unix permissions: octal to decimal.
pub(super) fn to_decimal(args: &[Value]) -> Outcome {
    Ok(Value::int64(
        i64::from_str_radix(&to_display(&args[0]).to_str(), 8).unwrap_or(0),
    ))
}

pub(super) fn add(args: &[Value]) -> Outcome {
    Ok(Value::int64(
        args.iter()
            .fold(0i64, |sum, value| sum.wrapping_add(to_int(value))),
    ))
}

pub(super) fn add1(args: &[Value]) -> Outcome {
    Ok(Value::int64(to_int(&args[0]).wrapping_add(1)))
}

pub(super) fn sub(args: &[Value]) -> Outcome {
    Ok(Value::int64(
        to_int(&args[0]).wrapping_sub(to_int(&args[1])),
    ))
}

pub(super) fn mul(args: &[Value]) -> Outcome {
    Ok(Value::int64(args.iter().fold(1i64, |product, value| {
        product.wrapping_mul(to_int(value))
    })))
}

pub(super) fn div(args: &[Value]) -> Outcome {
    Ok(Value::int64(
        to_int(&args[0]).wrapping_div(divisor(&args[1])?),
    ))
}

pub(super) fn modulo(args: &[Value]) -> Outcome {
    Ok(Value::int64(
        to_int(&args[0]).wrapping_rem(divisor(&args[1])?),
    ))
}

fn divisor(value: &Value) -> Result<i64, Failure> {
    match to_int(value) {
        0 => Err("runtime error: integer divide by zero".into()),
        divisor => Ok(divisor),
    }
}

pub(super) fn max(args: &[Value]) -> Outcome {
    Ok(Value::int64(args.iter().map(to_int).max().unwrap_or(0)))
}

pub(super) fn min(args: &[Value]) -> Outcome {
    Ok(Value::int64(args.iter().map(to_int).min().unwrap_or(0)))
}

pub(super) fn maxf(args: &[Value]) -> Outcome {
    Ok(Value::Float(
        args.iter().map(to_float).reduce(f64::max).unwrap_or(0.0),
    ))
}

pub(super) fn minf(args: &[Value]) -> Outcome {
    Ok(Value::Float(
        args.iter().map(to_float).reduce(f64::min).unwrap_or(0.0),
    ))
}

pub(super) fn floor(args: &[Value]) -> Outcome {
    Ok(Value::Float(to_float(&args[0]).floor()))
}

pub(super) fn ceil(args: &[Value]) -> Outcome {
    Ok(Value::Float(to_float(&args[0]).ceil()))
}

pub(super) fn round(args: &[Value]) -> Outcome {
    let (value, places) = (to_float(&args[0]), int(&args[1]));
    let threshold = args.get(2).map_or(0.5, float);
    let power = 10f64.powi(places.clamp(-400, 400) as i32);
    let digit = power * value;
    let rounded = if digit.fract() >= threshold {
        digit.ceil()
    } else {
        digit.floor()
    };
    Ok(Value::Float(rounded / power))
}

pub(super) fn rand_int(interpreter: &mut Interpreter<'_>, args: &[Value]) -> Outcome {
    let (min, max) = (int(&args[0]), int(&args[1]));
    match u64::try_from(max.saturating_sub(min)) {
        Ok(span) if span > 0 => Ok(Value::int(
            min + (interpreter.random().number() % span) as i64,
        )),
        _ => Err("invalid argument to Intn".into()),
    }
}

pub(super) fn addf(args: &[Value]) -> Outcome {
    fold(Some(Decimal::ZERO), args, Decimal::add)
}

pub(super) fn add1f(args: &[Value]) -> Outcome {
    fold(
        Some(Decimal {
            digits: 1,
            exponent: 0,
        }),
        args,
        Decimal::add,
    )
}

pub(super) fn subf(args: &[Value]) -> Outcome {
    fold(None, args, |left, right| {
        left.add(Decimal {
            digits: right.digits.checked_neg()?,
            ..right
        })
    })
}

pub(super) fn mulf(args: &[Value]) -> Outcome {
    fold(None, args, Decimal::multiply)
}

pub(super) fn divf(args: &[Value]) -> Outcome {
    if args[1..].iter().any(|value| to_float(value) == 0.0) {
        return Err("decimal division by 0".into());
    }
    fold(None, args, Decimal::divide)
}

/// A number as `shopspring/decimal` has it: exact in base ten.
#[derive(Clone, Copy)]
struct Decimal {
    digits: i128,
    exponent: i32,
}

impl Decimal {
    const ZERO: Self = Self {
        digits: 0,
        exponent: 0,
    };

    fn from_float(number: f64) -> Option<Self> {
        let text = format!("{number:e}");
        let (mantissa, exponent) = text.split_once('e')?;
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}").parse().ok()?;
        Some(Self {
            digits,
            exponent: exponent.parse::<i32>().ok()? - fraction.len() as i32,
        })
    }

    /// Both with the smaller exponent.
    fn align(self, other: Self) -> Option<(i128, i128, i32)> {
        let exponent = self.exponent.min(other.exponent);
        let scale = |number: Self| {
            let power = 10i128.checked_pow(u32::try_from(number.exponent - exponent).ok()?)?;
            number.digits.checked_mul(power)
        };
        Some((scale(self)?, scale(other)?, exponent))
    }

    fn add(self, other: Self) -> Option<Self> {
        let (left, right, exponent) = self.align(other)?;
        Some(Self {
            digits: left.checked_add(right)?,
            exponent,
        })
    }

    fn multiply(self, other: Self) -> Option<Self> {
        Some(Self {
            digits: self.digits.checked_mul(other.digits)?,
            exponent: self.exponent + other.exponent,
        })
    }

    /// Sixteen digits after the point, rounded half away from zero.
    fn divide(self, other: Self) -> Option<Self> {
        const PLACES: i32 = 16;
        let shift = self.exponent - other.exponent + PLACES;
        let (mut dividend, mut divisor) = (self.digits, other.digits);
        let power = 10i128.checked_pow(shift.unsigned_abs())?;
        if shift >= 0 {
            dividend = dividend.checked_mul(power)?;
        } else {
            divisor = divisor.checked_mul(power)?;
        }
        let (mut quotient, remainder) = (dividend / divisor, dividend % divisor);
        if remainder.unsigned_abs().checked_mul(2)? >= divisor.unsigned_abs() {
            quotient += if (dividend < 0) == (divisor < 0) {
                1
            } else {
                -1
            };
        }
        Some(Self {
            digits: quotient,
            exponent: -PLACES,
        })
    }

    fn to_float(self) -> f64 {
        format!("{}e{}", self.digits, self.exponent)
            .parse()
            .unwrap_or(0.0)
    }
}

/// Beyond 128 bits plain floats have to do.
fn fold(
    start: Option<Decimal>,
    args: &[Value],
    operation: impl Fn(Decimal, Decimal) -> Option<Decimal>,
) -> Outcome {
    let mut result = start;
    for value in args {
        let number = Decimal::from_float(to_float(value))
            .ok_or_else(|| Failure::from("the number is out of range"))?;
        result = Some(match result {
            None => number,
            Some(result) => operation(result, number)
                .ok_or_else(|| Failure::from("the number has too many digits"))?,
        });
    }
    Ok(Value::Float(result.map_or(0.0, Decimal::to_float)))
}
