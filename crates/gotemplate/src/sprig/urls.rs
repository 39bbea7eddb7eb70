//! URLs as dictionaries.

use crate::arguments::Arguments;
use crate::error::Fault;
use crate::exec::Machine;
use crate::functions::Function;
use crate::value::{Dict, Value};

pub(super) const FUNCTIONS: &[(&str, Function)] =
    &[("urlParse", Function::fixed(1, parse)), ("urlJoin", Function::fixed(1, join))];

fn parse(_: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let text = Arguments(all).text(0)?;
    if text.contains(|letter: char| letter.is_control()) {
        return Err(Fault::new(format!(
            "unable to parse url: parse {text:?}: net/url: invalid control character in URL"
        )));
    }
    let (rest, fragment) = text.split_once('#').unwrap_or((&text, ""));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    };
    let (scheme, rest) = rest.split_once(':').filter(|(scheme, _)| is_scheme(scheme)).unwrap_or(("", rest));
    let (mut opaque, mut authority, mut path) = ("", "", rest);
    if let Some(after) = rest.strip_prefix("//") {
        let end = after.find('/').unwrap_or(after.len());
        (authority, path) = after.split_at(end);
    } else if !scheme.is_empty() && !rest.starts_with('/') {
        (opaque, path) = (rest, "");
    }
    let (userinfo, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let entries = [
        ("scheme", scheme.to_ascii_lowercase()),
        ("host", host.to_owned()),
        ("hostname", hostname(host).to_owned()),
        ("path", decoded(path)),
        ("query", query.to_owned()),
        ("opaque", opaque.to_owned()),
        ("fragment", decoded(fragment)),
        ("userinfo", userinfo.to_owned()),
    ];
    Ok(Value::Map(entries.into_iter().map(|(key, text)| (key, Value::from(text))).collect()))
}

fn hostname(host: &str) -> &str {
    if let Some((inner, _)) = host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        return inner;
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn join(_: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let dict = Arguments(all).dict(0)?;
    let part = |key: &str| part(dict, key);
    let mut url = String::new();
    let (scheme, opaque, userinfo, host) = (part("scheme")?, part("opaque")?, part("userinfo")?, part("host")?);
    if !scheme.is_empty() {
        url.push_str(&format!("{scheme}:"));
    }
    if opaque.is_empty() {
        if !scheme.is_empty() || !host.is_empty() || !userinfo.is_empty() {
            let at = if userinfo.is_empty() { "" } else { "@" };
            url.push_str(&format!("//{userinfo}{at}{host}"));
        }
        let path = part("path")?;
        let slash = if !host.is_empty() && !path.is_empty() && !path.starts_with('/') { "/" } else { "" };
        url.push_str(&format!("{slash}{}", encoded(&path)));
    } else {
        url.push_str(&opaque);
    }
    for (mark, key) in [('?', "query"), ('#', "fragment")] {
        let part = part(key)?;
        if !part.is_empty() {
            url.push(mark);
            url.push_str(&part);
        }
    }
    Ok(url.into())
}

fn part(dict: &Dict, key: &str) -> Result<String, Fault> {
    match dict.get(key) {
        None => Ok(String::new()),
        Some(Value::Str(text)) => Ok(text.to_string()),
        Some(other) => Err(Fault::new(format!(
            "unable to parse {key} key, must be of type string, but {} found",
            other.type_name()
        ))),
    }
}

fn encoded(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@!'()*[]".contains(&byte);
    path.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
