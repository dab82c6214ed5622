//! URLs: `urlParse`, `urlJoin`, `urlquery`.

use std::collections::BTreeMap;

use super::Outcome;
use super::arguments::map;
use crate::failure::Failure;
use crate::value::{Text, Value, to_display};

/// `url.QueryEscape`.
pub(super) fn urlquery(args: &[Value]) -> Outcome {
    let mut out = String::new();
    for byte in super::printing::printable_text(args) {
        match byte {
            b' ' => out.push('+'),
            b'-' | b'_' | b'.' | b'~' => out.push(byte as char),
            _ if byte.is_ascii_alphanumeric() => out.push(byte as char),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    Ok(Value::text(out))
}

pub(super) fn url_parse(args: &[Value]) -> Outcome {
    let whole = super::arguments::text(&args[0]).into_owned();
    if whole.bytes().any(|byte| byte < 0x20 || byte == 0x7F) {
        return Err("unable to parse url: invalid control character in URL".into());
    }
    let (rest, fragment) = whole.split_once('#').unwrap_or((&whole, ""));
    let (scheme, rest) = split_scheme(rest)?;
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (mut opaque, mut authority, mut path) = ("", "", rest);
    if let Some(after) = rest.strip_prefix("//") {
        (authority, path) = after.split_at(after.find('/').unwrap_or(after.len()));
    } else if !scheme.is_empty() && !rest.starts_with('/') {
        (opaque, path) = (rest, "");
    }
    let (user_info, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let hostname = match host.strip_prefix('[') {
        Some(inside) => inside.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    if let Some(port) = host
        .rsplit_once(':')
        .map(|(_, port)| port)
        .filter(|_| !host.ends_with(']'))
        && !port.bytes().all(|byte| byte.is_ascii_digit())
    {
        return Err(format!("unable to parse url: invalid port {port:?} after host").into());
    }
    let fields = [
        ("fragment", unescape(fragment)?),
        ("host", unescape(host)?),
        ("hostname", hostname.to_owned()),
        ("opaque", opaque.to_owned()),
        ("path", unescape(path)?),
        ("query", query.to_owned()),
        ("scheme", scheme),
        ("userinfo", user_info.to_owned()),
    ];
    let entries: BTreeMap<Text, Value> = fields
        .into_iter()
        .map(|(name, value)| (Text::from(name), Value::text(value)))
        .collect();
    Ok(Value::map(entries))
}

fn split_scheme(text: &str) -> Result<(String, &str), Failure> {
    let end = text.find(|character: char| {
        !(character.is_ascii_alphanumeric() || matches!(character, '+' | '-' | '.'))
    });
    match end {
        Some(0) if text.starts_with(':') => {
            Err("unable to parse url: missing protocol scheme".into())
        }
        Some(end)
            if text[end..].starts_with(':')
                && text.starts_with(|first: char| first.is_ascii_alphabetic()) =>
        {
            Ok((text[..end].to_lowercase(), &text[end + 1..]))
        }
        Some(end) if text[end..].starts_with(':') && end > 0 => {
            Err("unable to parse url: first path segment in URL cannot contain colon".into())
        }
        _ => Ok((String::new(), text)),
    }
}

fn unescape(text: &str) -> Result<String, Failure> {
    if !text.contains('%') {
        return Ok(text.to_owned());
    }
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut index = 0;
    while index < bytes.len() {
        if bytes[index] == b'%' {
            let code = text
                .get(index + 1..index + 3)
                .and_then(|code| u8::from_str_radix(code, 16).ok());
            out.push(code.ok_or_else(|| Failure::from("unable to parse url: invalid URL escape"))?);
            index += 3;
        } else {
            out.push(bytes[index]);
            index += 1;
        }
    }
    Ok(String::from_utf8_lossy(&out).into_owned())
}

fn escape_path(path: &str) -> String {
    let mut out = String::new();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@!*'()[]".contains(&byte) {
            out.push(byte as char);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

pub(super) fn url_join(args: &[Value]) -> Outcome {
    let get = |name: &str| {
        map(&args[0])
            .and_then(|map| map.get(name.as_bytes()))
            .map_or_else(String::new, |value| {
                to_display(&value).to_str().into_owned()
            })
    };
    let (scheme, opaque, user_info) = (get("scheme"), get("opaque"), get("userinfo"));
    let (host, path, query, fragment) = (get("host"), get("path"), get("query"), get("fragment"));
    let mut out = String::new();
    if !scheme.is_empty() {
        out.push_str(&scheme);
        out.push(':');
    }
    if opaque.is_empty() {
        if !scheme.is_empty() || !host.is_empty() || !user_info.is_empty() {
            if !host.is_empty() || !path.is_empty() || !user_info.is_empty() {
                out.push_str("//");
            }
            if !user_info.is_empty() {
                out.push_str(&user_info);
                out.push('@');
            }
            out.push_str(&host);
        }
        if !path.is_empty() && !path.starts_with('/') && !host.is_empty() {
            out.push('/');
        }
        out.push_str(&escape_path(&path));
    } else {
        out.push_str(&opaque);
    }
    if !query.is_empty() {
        out.push('?');
        out.push_str(&query);
    }
    if !fragment.is_empty() {
        out.push('#');
        out.push_str(&escape_path(&fragment));
    }
    Ok(Value::text(out))
}
