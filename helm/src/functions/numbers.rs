//! Arithmetic.

use num_bigint::BigInt;

use super::Outcome;
use super::arguments::{float, int};
use super::casting::{to_float, to_int};
use crate::failure::Failure;
use crate::state::State;
use crate::strconv;
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

/// `strconv.Atoi`, ignoring its error.
pub(super) fn atoi(args: &[Value]) -> Outcome {
    let text = super::arguments::text(&args[0]);
    Ok(Value::int(strconv::parse_decimal_or_nearest(&text)))
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
        args.iter()
            .map(to_float)
            .reduce(or_nan(f64::max))
            .unwrap_or(0.0),
    ))
}

pub(super) fn minf(args: &[Value]) -> Outcome {
    Ok(Value::Float(
        args.iter()
            .map(to_float)
            .reduce(or_nan(f64::min))
            .unwrap_or(0.0),
    ))
}

/// Go's `math.Max` and `math.Min` return NaN if one of the two is NaN; Rust's return the other one.
fn or_nan(choose: fn(f64, f64) -> f64) -> impl Fn(f64, f64) -> f64 {
    move |left, right| {
        if left.is_nan() || right.is_nan() {
            f64::NAN
        } else {
            choose(left, right)
        }
    }
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

pub(super) fn rand_int(state: &mut State, args: &[Value]) -> Outcome {
    let (min, max) = (int(&args[0]), int(&args[1]));
    match u64::try_from(max.saturating_sub(min)) {
        Ok(span) if span > 0 => Ok(Value::int(min + (state.random.number() % span) as i64)),
        _ => Err("invalid argument to Intn".into()),
    }
}

pub(super) fn addf(args: &[Value]) -> Outcome {
    fold(Some(Decimal::from(0)), args, Decimal::add)
}

pub(super) fn add1f(args: &[Value]) -> Outcome {
    fold(Some(Decimal::from(1)), args, Decimal::add)
}

pub(super) fn subf(args: &[Value]) -> Outcome {
    fold(None, args, |left, right| {
        left.add(Decimal {
            digits: -right.digits,
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

/// A decimal number as in `shopspring/decimal`.
struct Decimal {
    digits: BigInt,
    exponent: i32,
}

/// The maximum size of a decimal's digits, in bits: a call can have any number of arguments.
const MAX_BITS: u64 = 1 << 16;

impl From<i64> for Decimal {
    fn from(number: i64) -> Self {
        Self {
            digits: number.into(),
            exponent: 0,
        }
    }
}

impl Decimal {
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

    /// The digits for a smaller exponent.
    fn digits_at(&self, exponent: i32) -> BigInt {
        &self.digits * power_of_ten(self.exponent - exponent)
    }

    fn add(self, other: Self) -> Self {
        let exponent = self.exponent.min(other.exponent);
        Self {
            digits: self.digits_at(exponent) + other.digits_at(exponent),
            exponent,
        }
    }

    fn multiply(self, other: Self) -> Self {
        Self {
            digits: self.digits * other.digits,
            exponent: self.exponent + other.exponent,
        }
    }

    /// Sixteen digits after the point, rounded half away from zero.
    fn divide(self, other: Self) -> Self {
        const PLACES: i32 = 16;
        let shift = self.exponent - other.exponent + PLACES;
        let (mut dividend, mut divisor) = (self.digits, other.digits);
        if shift >= 0 {
            dividend *= power_of_ten(shift);
        } else {
            divisor *= power_of_ten(-shift);
        }
        let (mut quotient, remainder) = (&dividend / &divisor, &dividend % &divisor);
        if remainder.magnitude() * 2u8 >= *divisor.magnitude() {
            quotient += if dividend.sign() == divisor.sign() {
                1
            } else {
                -1
            };
        }
        Self {
            digits: quotient,
            exponent: -PLACES,
        }
    }

    fn to_float(&self) -> f64 {
        format!("{}e{}", self.digits, self.exponent)
            .parse()
            .unwrap_or(0.0)
    }
}

/// A power of ten.
fn power_of_ten(exponent: i32) -> BigInt {
    BigInt::from(10).pow(exponent.unsigned_abs())
}

fn fold(
    start: Option<Decimal>,
    args: &[Value],
    operation: impl Fn(Decimal, Decimal) -> Decimal,
) -> Outcome {
    let mut result = start;
    for value in args {
        let number = Decimal::from_float(to_float(value))
            .ok_or_else(|| Failure::from("the number is out of range"))?;
        let next = match result {
            None => number,
            Some(result) => operation(result, number),
        };
        if next.digits.bits() > MAX_BITS {
            return Err("the number has too many digits".into());
        }
        result = Some(next);
    }
    Ok(Value::Float(result.map_or(0.0, |result| result.to_float())))
}
