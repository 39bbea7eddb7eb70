//! Pod specs as Go prints its internal types: upstream's error messages show them so.
//! It must not know which messages.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::json::scalar_as_go;

/// A printed value, with its fields in the order of the Go struct.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Printed {
    /// A scalar, as JSON.
    Scalar(String),
    /// A struct or a map.
    Fields(Vec<(String, Printed)>),
    /// A slice.
    List(Vec<Printed>),
}

struct Field {
    name: &'static str,
    kind: u8,
    type_: &'static str,
}

static TYPES: LazyLock<HashMap<&'static str, Vec<Field>>> = LazyLock::new(|| {
    let lines = include_str!("../../data/pod-types.txt").lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once(' '))
        .map(|(name, fields)| (name, fields.split(' ').map(field).collect()))
        .collect()
});

fn field(text: &'static str) -> Field {
    match text.split_once('=') {
        Some((name, kind)) => {
            let (kind, type_) = kind.split_once(':').unwrap_or((kind, ""));
            Field { name, kind: kind.as_bytes()[0], type_ }
        }
        None => Field { name: "", kind: b'+', type_: text.trim_start_matches('+') },
    }
}

/// A pod spec.
pub(super) fn pod_spec(spec: &Value) -> Printed {
    let mut spec = spec.clone();
    // What the API has in the spec, the internal type has in the security context.
    let moved = ["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "hostUsers"];
    let found: Vec<(&str, Value)> = moved.iter().filter_map(|name| Some((*name, spec.get(*name)?.clone()))).collect();
    for (name, value) in found {
        spec["securityContext"][name] = value;
    }
    structure("PodSpec", &spec)
}

/// An ephemeral container.
pub(super) fn ephemeral_container(container: &Value) -> Printed {
    structure("EphemeralContainer", container)
}

/// A pod template: its metadata is printed in place, as the API prints it.
pub(super) fn template(template: &Value) -> Printed {
    let metadata = template.get("metadata").and_then(Value::as_object);
    let order = ["name", "generateName", "namespace", "labels", "annotations", "finalizers"];
    let of_metadata = order.iter().filter_map(|name| Some(((*name).to_owned(), plain(metadata?.get(*name)?))));
    let spec = pod_spec(template.get("spec").unwrap_or(&Value::Null));
    Printed::Fields(of_metadata.chain([("Spec".to_owned(), spec)]).collect())
}

fn structure(type_: &str, value: &Value) -> Printed {
    let empty = Map::new();
    let object = value.as_object().unwrap_or(&empty);
    let mut fields = Vec::new();
    for field in TYPES.get(type_).map_or(&[][..], Vec::as_slice) {
        if field.kind == b'+' {
            if let Printed::Fields(inner) = structure(field.type_, value) {
                fields.extend(inner);
            }
            continue;
        }
        let found = object.iter().find(|(name, _)| name.eq_ignore_ascii_case(field.name)).map(|(_, value)| value);
        fields.push((field.name.to_owned(), printed(field, found)));
    }
    Printed::Fields(fields)
}

fn printed(field: &Field, value: Option<&Value>) -> Printed {
    match (field.kind, value) {
        (b'o', value) => structure(field.type_, value.unwrap_or(&Value::Null)),
        (b'p', Some(value)) => structure(field.type_, value),
        (b'l', Some(Value::Array(list))) => {
            Printed::List(list.iter().map(|item| structure(field.type_, item)).collect())
        }
        (b's', None) => Printed::Scalar("\"\"".to_owned()),
        (b'q', None) => Printed::Scalar("\"0\"".to_owned()),
        (b'i', None) => Printed::Scalar("0".to_owned()),
        (b'b', None) => Printed::Scalar("false".to_owned()),
        (_, None) => Printed::Scalar("null".to_owned()),
        (_, Some(value)) => plain(value),
    }
}

fn plain(value: &Value) -> Printed {
    match value {
        Value::Object(map) => Printed::Fields(map.iter().map(|(name, value)| (name.clone(), plain(value))).collect()),
        Value::Array(list) => Printed::List(list.iter().map(plain).collect()),
        scalar => Printed::Scalar(scalar_as_go(scalar)),
    }
}

impl Printed {
    /// As `json.Marshal`.
    pub(super) fn compact(&self) -> String {
        match self {
            Self::Scalar(text) => text.clone(),
            Self::Fields(fields) => {
                let fields: Vec<String> =
                    fields.iter().map(|(name, value)| format!("{name:?}:{}", value.compact())).collect();
                format!("{{{}}}", fields.join(","))
            }
            Self::List(list) => format!("[{}]", list.iter().map(Self::compact).collect::<Vec<_>>().join(",")),
        }
    }

    /// The lines of `json.MarshalIndent(…, "", " ")`.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut text = String::new();
        self.indented(1, &mut text);
        text.lines().map(str::to_owned).collect()
    }

    fn indented(&self, depth: usize, text: &mut String) {
        let (open, close, count) = match self {
            Self::Scalar(scalar) => return text.push_str(scalar),
            Self::Fields(fields) => ('{', '}', fields.len()),
            Self::List(list) => ('[', ']', list.len()),
        };
        text.push(open);
        for index in 0..count {
            text.push_str(if index == 0 { "\n" } else { ",\n" });
            text.push_str(&" ".repeat(depth));
            match self {
                Self::Fields(fields) => {
                    text.push_str(&format!("{:?}: ", fields[index].0));
                    fields[index].1.indented(depth + 1, text);
                }
                Self::List(list) => list[index].indented(depth + 1, text),
                Self::Scalar(_) => {}
            }
        }
        if count > 0 {
            text.push('\n');
            text.push_str(&" ".repeat(depth - 1));
        }
        text.push(close);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn structs_print_all_their_fields_in_order() {
        let container =
            json!({"image": "i", "name": "c", "ports": [{"containerPort": 80}], "resources": {"limits": {"cpu": "1"}}});
        let printed = ephemeral_container(&container).compact();
        let start = "{\"Name\":\"c\",\"Image\":\"i\",\"Command\":null,\"Args\":null,\"WorkingDir\":\"\",\"Ports\":[{\"Name\":\"\",\
            \"HostPort\":0,\"ContainerPort\":80,\"Protocol\":\"\",\"HostIP\":\"\"}],\"EnvFrom\":null,\"Env\":null,\
            \"Resources\":{\"Limits\":{\"cpu\":\"1\"},\"Requests\":null,\"Claims\":null}";
        assert!(printed.starts_with(start), "{printed}");
        assert!(printed.ends_with("\"TTY\":false,\"TargetContainerName\":\"\"}"), "{printed}");
    }

    #[test]
    fn every_type_that_is_named_is_there() {
        for field in TYPES.values().flatten().filter(|field| !field.type_.is_empty()) {
            assert!(TYPES.contains_key(field.type_), "{}", field.type_);
        }
    }

    #[test]
    fn the_host_belongs_to_the_security_context() {
        let spec = json!({"hostNetwork": true, "containers": []});
        let lines = pod_spec(&spec).lines();
        assert!(lines.contains(&"  \"HostNetwork\": true,".to_owned()));
        assert_eq!(lines[0], "{");
        assert_eq!(lines[3], " \"Containers\": [],");
    }
}
