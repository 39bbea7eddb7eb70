//! Paths with slashes; Go's `path` and, as on Unix, `filepath`.

use crate::arguments::Arguments;
use crate::functions::Function;

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("base", Function::fixed(1, |_, all| Ok(base(&Arguments(all).text(0)?).into()))),
    ("osBase", Function::fixed(1, |_, all| Ok(base(&Arguments(all).text(0)?).into()))),
    ("dir", Function::fixed(1, |_, all| Ok(dir(&Arguments(all).text(0)?).into()))),
    ("osDir", Function::fixed(1, |_, all| Ok(dir(&Arguments(all).text(0)?).into()))),
    ("clean", Function::fixed(1, |_, all| Ok(clean(&Arguments(all).text(0)?).into()))),
    ("osClean", Function::fixed(1, |_, all| Ok(clean(&Arguments(all).text(0)?).into()))),
    ("ext", Function::fixed(1, |_, all| Ok(ext(&Arguments(all).text(0)?).into()))),
    ("osExt", Function::fixed(1, |_, all| Ok(ext(&Arguments(all).text(0)?).into()))),
    ("isAbs", Function::fixed(1, |_, all| Ok(Arguments(all).text(0)?.starts_with('/').into()))),
    ("osIsAbs", Function::fixed(1, |_, all| Ok(Arguments(all).text(0)?.starts_with('/').into()))),
];

fn base(path: &str) -> String {
    if path.is_empty() {
        return ".".to_owned();
    }
    let path = path.trim_end_matches('/');
    if path.is_empty() { "/".to_owned() } else { path.rsplit('/').next().unwrap_or(path).to_owned() }
}

fn dir(path: &str) -> String {
    let end = path.rfind('/').map_or(0, |at| at + 1);
    clean(&path[..end])
}

fn ext(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rfind('.').map_or(String::new(), |at| name[at..].to_owned())
}

/// The shortest path that means the same.
fn clean(path: &str) -> String {
    let absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        match (part, parts.last()) {
            ("..", Some(last)) if *last != ".." => drop(parts.pop()),
            ("..", None) if absolute => {}
            _ => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (absolute, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}
