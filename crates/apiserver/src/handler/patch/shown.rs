//! What a patch makes of an object, as the text that upstream shows when it is no object of its kind: what the patch
//! went through are maps, whose keys are sorted, and what it left alone still has the order of Go's structs.
//! It must not know how patches are applied.

use std::collections::BTreeSet;

use mainstay_apimachinery::json::{pointer_token, scalar_as_go};
use serde_json::Value;

use crate::protobuf::order::GoType;
use crate::registry::Resource;

/// The places that a patch went through, as JSON pointers.
#[derive(Debug, Default)]
pub(super) struct Ways {
    /// Objects of which it changed a field.
    opened: BTreeSet<String>,
    /// Values that it brought along.
    brought: BTreeSet<String>,
}

impl Ways {
    /// Of a list of operations.
    pub(super) fn of_operations(operations: &Value) -> Self {
        let mut ways = Self::default();
        for operation in operations.as_array().into_iter().flatten() {
            for pointer in ["path", "from"].iter().filter_map(|name| operation.get(*name)?.as_str()) {
                ways.opened.extend(pointer.match_indices('/').map(|(at, _)| pointer[..at].to_owned()));
            }
            if let (Some(_), Some(path)) = (operation.get("value"), operation["path"].as_str()) {
                ways.brought.insert(path.to_owned());
            }
        }
        ways
    }

    /// Of a document that is merged.
    pub(super) fn of_merge(patch: &Value) -> Self {
        let mut ways = Self::default();
        ways.merge(patch, String::new());
        ways
    }

    fn merge(&mut self, patch: &Value, path: String) {
        let Some(fields) = patch.as_object() else {
            self.brought.insert(path);
            return;
        };
        fields.iter().for_each(|(key, value)| self.merge(value, below(&path, key)));
        self.opened.insert(path);
    }

    /// The text of what came out.
    pub(super) fn text(&self, resource: &Resource, patched: &Value) -> String {
        // Custom resources are maps in Go too.
        let schema = resource.schema().filter(|_| resource.custom.is_none());
        let type_ = schema.as_ref().and_then(|schema| GoType::of(&resource.gvk(), schema));
        let mut text = String::new();
        self.write(&mut text, patched, type_, "");
        text
    }

    fn write(&self, text: &mut String, value: &Value, type_: Option<GoType<'_>>, path: &str) {
        let type_ = type_.filter(|_| !self.brought.contains(path));
        match value {
            Value::Object(map) => {
                let mut fields = match type_ {
                    Some(type_) => type_.fields(map),
                    None => map.iter().map(|(key, value)| (key, value, None)).collect(),
                };
                if self.opened.contains(path) {
                    fields.sort_by_key(|(key, ..)| *key);
                }
                text.push('{');
                for (index, (key, value, type_)) in fields.into_iter().enumerate() {
                    text.push_str(if index == 0 { "" } else { "," });
                    text.push_str(&scalar_as_go(&Value::from(key.as_str())));
                    text.push(':');
                    self.write(text, value, type_, &below(path, key));
                }
                text.push('}');
            }
            Value::Array(list) => {
                text.push('[');
                for (index, item) in list.iter().enumerate() {
                    text.push_str(if index == 0 { "" } else { "," });
                    self.write(text, item, type_.and_then(GoType::item), &below(path, &index.to_string()));
                }
                text.push(']');
            }
            scalar => text.push_str(&scalar_as_go(scalar)),
        }
    }
}

fn below(path: &str, key: &str) -> String {
    format!("{path}/{}", pointer_token(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Registry;
    use serde_json::json;

    #[test]
    fn what_was_left_alone_has_the_order_of_its_struct() {
        let all = Registry::new().cluster("dev").resources();
        let resource =
            all.into_iter().find(|resource| resource.group.is_empty() && &*resource.plural == "pods").unwrap();
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"uid": "u", "name": "<n>", "labels": {"b": 1, "a": "2"}},
            "spec": {"restartPolicy": "Never", "containers": [{"image": "i", "name": "c"}]},
        });
        let labels = Ways::of_merge(&json!({"metadata": {"labels": {"b": 1}}}));
        assert_eq!(
            labels.text(&resource, &pod),
            "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"labels\":{\"a\":\"2\",\"b\":1},\"name\":\"\\u003cn\\u003e\",\
             \"uid\":\"u\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}],\"restartPolicy\":\"Never\"}}"
        );
        let image = Ways::of_operations(&json!([{"op": "replace", "path": "/spec/containers/0/image", "value": 5}]));
        assert!(image.text(&resource, &pod).contains("\"containers\":[{\"image\":\"i\",\"name\":\"c\"}]"));
        assert!(image.text(&resource, &pod).contains("\"metadata\":{\"name\":"));
    }
}
