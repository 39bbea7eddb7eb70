//! `cargo xtask codegen-protobuf DIR`: makes `crates/apiserver/data/protobuf-messages.txt` from the sources of the crate
//! `k8s-pb`, unpacked in DIR. It must not know how the table is read.
//!
//! One message a line: its OpenAPI name, then its fields as `name:tag` and a type: `s` text, `b` bytes, `f` flag,
//! `i` whole number, `d` other number, `m` message followed by `=name`; `*` before it marks a list, `%` a map.

use std::fs;
use std::path::Path;

const TABLE: &str = "crates/apiserver/data/protobuf-messages.txt";

/// Makes the table.
///
/// # Errors
/// What could not be read, written or understood.
pub(crate) fn run(args: &[String]) -> Result<String, String> {
    let directory = args.first().ok_or("name the directory of the unpacked crate k8s-pb")?;
    let mut lines = Vec::new();
    visit(&Path::new(directory).join("src"), &[], &mut lines)?;
    lines.sort();
    let text = lines.join("\n") + "\n";
    let path = super::root().join(TABLE);
    super::write(&path, text.as_bytes()).map_err(|error| error.to_string())?;
    Ok(format!("{TABLE}: {} messages, {} bytes", lines.len(), text.len()))
}

/// Stable versions only, as in the table of schemas.
fn visit(directory: &Path, module: &[String], lines: &mut Vec<String>) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("failed to read {}: {error}", directory.display());
    if module.last().is_some_and(|name| name.contains("alpha") || name.contains("beta")) {
        return Ok(());
    }
    for entry in fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            visit(&path, &[module, &[name]].concat(), lines)?;
        } else if name == "mod.rs" {
            let source = fs::read_to_string(&path).map_err(failed)?;
            lines.extend(source.split("\npub struct ").skip(1).filter_map(|text| message(text, module)));
        }
    }
    Ok(())
}

fn message(text: &str, module: &[String]) -> Option<String> {
    let (name, rest) = text.split_once([' ', '{'])?;
    let body = rest.split("\n}").next()?;
    let fields: Vec<String> = body.split("#[prost(").skip(1).filter_map(|field| self::field(field, module)).collect();
    Some(format!("{} {}", definition(module, name), fields.join(" ")).trim_end().to_owned())
}

fn field(text: &str, module: &[String]) -> Option<String> {
    let (attribute, rest) = text.split_once(")]")?;
    let tag = attribute.split("tag = \"").nth(1)?.split('"').next()?;
    let (name, type_) = rest.split_once("pub ")?.1.split_once(':')?;
    let (mark, kind) = match attribute.split_once("btree_map = \"string, ") {
        Some((_, value)) => ("%", value.split('"').next()?),
        None => (if attribute.contains("repeated") { "*" } else { "" }, attribute.split([',', ' ']).next()?),
    };
    let letter = match kind {
        "string" => "s",
        "bytes" => "b",
        "bool" => "f",
        "double" | "float" => "d",
        "message" => "m",
        _ => "i",
    };
    let reference = if letter == "m" { format!("={}", reference(type_, module)?) } else { String::new() };
    Some(format!("{}:{tag}{mark}{letter}{reference}", name.trim_start_matches("r#")))
}

/// The message a type names: the innermost path that is none of the standard library's.
fn reference(type_: &str, module: &[String]) -> Option<String> {
    let declared = type_.split("\n    ///").next()?.split("\n    #[").next()?;
    let inner = declared.split(['<', '>', ',']).map(str::trim).rfind(|part| !part.is_empty() && *part != "\n}")?;
    let segments: Vec<&str> = inner.split("::").collect();
    let ups = segments.iter().take_while(|segment| **segment == "super").count();
    let mut path: Vec<String> = module[..module.len().checked_sub(ups)?].to_vec();
    let (name, modules) = segments[ups..].split_last()?;
    path.extend(modules.iter().map(|module| (*module).to_owned()));
    Some(definition(&path, name))
}

fn definition(module: &[String], name: &str) -> String {
    let module = module.join(".");
    let module = module
        .replace("apiextensions_apiserver", "apiextensions-apiserver")
        .replace("kube_aggregator", "kube-aggregator");
    format!("io.k8s.{module}.{name}")
}
