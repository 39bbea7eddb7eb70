//! URLs, as Go's `url.ParseRequestURI` reads them: absolute, or a path that starts with a slash.
//! It must not fetch anything.

use cel::common::types::{CelString, STRING_TYPE, Type};
use cel::common::value::CowVal;
use cel::{DeclarationError, Env, ExecutionError};
use serde_json::{Map, Value};

use super::super::{Evaluated, failed, returned, text};
use super::{Content, boolean, content, opaque};

static URL: Type = Type::new_unspecified_type("kubernetes.URL");

#[derive(Clone, Debug, PartialEq)]
struct Url {
    scheme: String,
    host: String,
    path: String,
    query: Option<String>,
    text: String,
}

impl Content for Url {
    fn cel_type() -> &'static Type {
        &URL
    }
}

pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    let own = || URL.to_owned();
    env.add_type(own())?;
    env.add_overload("url", "string_to_url", vec![STRING_TYPE], |args| {
        let text = text("url", &args, 0)?;
        opaque(parse(&text).map_err(|why| wrong(&text, &why))?)
    })?;
    env.add_overload("isURL", "is_url_string", vec![STRING_TYPE], |args| {
        boolean(parse(&text("isURL", &args, 0)?).is_ok())
    })?;
    env.add_overload("string", "url_to_string", vec![own()], |args| part(&args, |url| url.text.clone()))?;
    env.add_member_overload("getScheme", "url_get_scheme", own(), vec![], |args| {
        part(&args, |url| url.scheme.clone())
    })?;
    env.add_member_overload("getHost", "url_get_host", own(), vec![], |args| part(&args, |url| url.host.clone()))?;
    env.add_member_overload("getHostname", "url_get_hostname", own(), vec![], |args| {
        part(&args, |url| split_port(&url.host).0.trim_matches(['[', ']']).to_owned())
    })?;
    env.add_member_overload("getPort", "url_get_port", own(), vec![], |args| {
        part(&args, |url| split_port(&url.host).1.to_owned())
    })?;
    env.add_member_overload("getEscapedPath", "url_get_escaped_path", own(), vec![], |args| {
        part(&args, |url| url.path.clone())
    })?;
    env.add_member_overload("getQuery", "url_get_query", own(), vec![], |args| {
        returned(&query(content::<Url>(&args, 0)?.query.as_deref().unwrap_or_default()))
    })
}

fn wrong(text: &str, why: &str) -> ExecutionError {
    failed("url", format!("URL parse error during conversion from string: parse {text:?}: {why}"))
}

fn part<'b, 'v>(args: &[CowVal<'b, 'v>], of: fn(&Url) -> String) -> Evaluated<'b, 'v> {
    Ok(CowVal::owned(CelString::from(of(content(args, 0)?))))
}

fn parse(text: &str) -> Result<Url, String> {
    if text.is_empty() {
        return Err("empty url".to_owned());
    }
    if text.chars().any(char::is_control) {
        return Err("net/url: invalid control character in URL".to_owned());
    }
    let (scheme, rest) = split_scheme(text)?;
    let (rest, query) = match rest.split_once('?') {
        Some((rest, query)) => (rest, Some(query.to_owned())),
        None => (rest, None),
    };
    if scheme.is_empty() && !rest.starts_with('/') {
        return Err("invalid URI for request".to_owned());
    }
    let (host, path) = match rest.strip_prefix("//").filter(|_| !scheme.is_empty() || !rest.starts_with("///")) {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", rest),
    };
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    check_host(host)?;
    check_escapes(path)?;
    Ok(Url { scheme, host: host.to_owned(), path: path.replace(' ', "%20"), query, text: text.to_owned() })
}

fn split_scheme(text: &str) -> Result<(String, &str), String> {
    let Some((scheme, rest)) = text.split_once(':') else { return Ok((String::new(), text)) };
    let allowed = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    match scheme.chars().next() {
        None => Err("missing protocol scheme".to_owned()),
        Some(first) if first.is_ascii_alphabetic() && scheme.chars().all(allowed) => Ok((scheme.to_lowercase(), rest)),
        Some(first) if first.is_ascii_alphanumeric() && scheme.chars().all(allowed) => {
            Err("first path segment in URL cannot contain colon".to_owned())
        }
        Some(_) => Ok((String::new(), text)),
    }
}

fn check_host(host: &str) -> Result<(), String> {
    if let Some(bad) = host.chars().find(|c| " <>\"\\^`{|}".contains(*c)) {
        return Err(format!("invalid character {:?} in host name", bad.to_string()));
    }
    if host.starts_with('[') && !host.contains(']') {
        return Err("missing ']' in host".to_owned());
    }
    let (name, port) = split_port(host);
    let colon = if host.len() > name.len() { &host[name.len()..] } else { "" };
    if port.chars().any(|c| !c.is_ascii_digit()) {
        return Err(format!("invalid port {colon:?} after host"));
    }
    Ok(())
}

fn check_escapes(path: &str) -> Result<(), String> {
    for (index, _) in path.match_indices('%') {
        let code = path.get(index + 1..index + 3).unwrap_or_default();
        if code.len() != 2 || !code.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(format!("invalid URL escape {:?}", path.get(index..).unwrap_or_default()));
        }
    }
    Ok(())
}

/// The host without its port, and the port.
fn split_port(host: &str) -> (&str, &str) {
    match host.rfind(':') {
        Some(colon) if !host[colon..].contains(']') => (&host[..colon], &host[colon + 1..]),
        _ => (host, ""),
    }
}

fn query(text: &str) -> Value {
    let mut found: Map<String, Value> = Map::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let list = found.entry(unescaped(key)).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(values) = list {
            values.push(Value::from(unescaped(value)));
        }
    }
    Value::Object(found)
}

fn unescaped(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((first, tail)) = rest.split_first() {
        let code = tail.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        match (first, code.and_then(|code| u8::from_str_radix(code, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
                continue;
            }
            (b'+', _) => bytes.push(b' '),
            (other, _) => bytes.push(*other),
        }
        rest = tail;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
