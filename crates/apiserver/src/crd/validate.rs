//! The rules a CustomResourceDefinition must keep, with the messages of `apiextensions-apiserver`.
//! It must not know other definitions or the status.

use mainstay_apimachinery::{FieldError, FieldErrorKind, FieldPath, Schema, names, object};
use serde_json::Value;

const COLUMN_TYPES: [&str; 5] = ["boolean", "date", "integer", "number", "string"];

/// Everything wrong with a definition; `old` is what it replaces.
#[must_use]
pub fn validate(crd: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut check = Check { errors: Vec::new() };
    let spec = FieldPath::root().child("spec");
    check.name(crd);
    check.protected_group(crd);
    check.group(crd, &spec);
    check.names(crd, &spec.child("names"));
    check.scope(crd, &spec);
    check.versions(crd, &spec);
    check.conversion(crd, &spec);
    if let Some(old) = old {
        check.immutable(crd, old);
    }
    check.errors
}

struct Check {
    errors: Vec<FieldError>,
}

impl Check {
    fn required(&mut self, path: FieldPath, detail: &str) {
        self.errors.push(FieldError::new(FieldErrorKind::Required, path, Value::Null, detail));
    }

    fn invalid(&mut self, path: FieldPath, value: impl Into<Value>, detail: impl Into<String>) {
        self.errors.push(FieldError::new(FieldErrorKind::Invalid, path, value.into(), detail));
    }

    fn name(&mut self, crd: &Value) {
        let wanted = format!("{}.{}", text(crd, "/spec/names/plural"), text(crd, "/spec/group"));
        if object::name(crd) != wanted {
            let path = FieldPath::root().child("metadata").child("name");
            self.invalid(path, object::name(crd), "must be spec.names.plural+\".\"+spec.group");
        }
    }

    fn protected_group(&mut self, crd: &Value) {
        const APPROVAL: &str = "api-approved.kubernetes.io";
        let group = text(crd, "/spec/group");
        let protected =
            ["k8s.io", "kubernetes.io"].iter().any(|end| group == *end || group.ends_with(&format!(".{end}")));
        if protected && object::annotation(crd, APPROVAL).is_none_or(str::is_empty) {
            let detail = "protected groups must have approval annotation \"api-approved.kubernetes.io\", see https://github.com/kubernetes/enhancements/pull/1111";
            self.required(FieldPath::root().child("metadata").child("annotations").key(APPROVAL), detail);
        }
    }

    fn group(&mut self, crd: &Value, spec: &FieldPath) {
        let group = text(crd, "/spec/group");
        let path = spec.child("group");
        if group.is_empty() {
            return self.required(path, "");
        }
        for detail in names::check_dns1123_subdomain(group) {
            self.invalid(path.clone(), group, detail);
        }
        if group.split('.').count() < 2 {
            self.invalid(path, group, "should be a domain with at least one dot");
        }
    }

    fn names(&mut self, crd: &Value, path: &FieldPath) {
        for field in ["plural", "singular"] {
            let name = text(crd, &format!("/spec/names/{field}"));
            self.resource_name(path.child(field), name);
        }
        for (index, name) in list(crd, "/spec/names/shortNames").iter().enumerate() {
            self.resource_name(path.child("shortNames").index(index), name.as_str().unwrap_or_default());
        }
        for field in ["kind", "listKind"] {
            let name = text(crd, &format!("/spec/names/{field}"));
            if name.is_empty() {
                self.required(path.child(field), "");
                continue;
            }
            for detail in names::check_dns1035_label(&name.to_lowercase()) {
                let detail = format!("may have mixed case, but should otherwise match: {detail}");
                self.invalid(path.child(field), name, detail);
            }
        }
        let (kind, list_kind) = (text(crd, "/spec/names/kind"), text(crd, "/spec/names/listKind"));
        if !kind.is_empty() && kind == list_kind {
            self.invalid(path.child("listKind"), list_kind, "kind and listKind may not be the same");
        }
    }

    fn resource_name(&mut self, path: FieldPath, name: &str) {
        if name.is_empty() {
            return self.required(path, "");
        }
        for detail in names::check_dns1035_label(name) {
            self.invalid(path.clone(), name, detail);
        }
    }

    fn scope(&mut self, crd: &Value, spec: &FieldPath) {
        let scope = text(crd, "/spec/scope");
        match scope {
            "Namespaced" | "Cluster" => {}
            "" => self.required(spec.child("scope"), ""),
            _ => self.errors.push(FieldError::new(
                FieldErrorKind::NotSupported,
                spec.child("scope"),
                scope.into(),
                "supported values: \"Cluster\", \"Namespaced\"",
            )),
        }
        if crd.pointer("/spec/preserveUnknownFields") == Some(&Value::Bool(true)) {
            let detail = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";
            self.invalid(spec.child("preserveUnknownFields"), true, detail);
        }
    }

    fn versions(&mut self, crd: &Value, spec: &FieldPath) {
        let versions = list(crd, "/spec/versions");
        let path = spec.child("versions");
        if versions.is_empty() {
            return self.required(path, "");
        }
        let storage = versions.iter().filter(|version| version["storage"] == true).count();
        if storage != 1 {
            let detail = "must have exactly one version marked as storage version";
            self.invalid(path.clone(), Value::Array(versions.to_vec()), detail);
        }
        for (index, version) in versions.iter().enumerate() {
            let name = text(version, "/name");
            let own = path.index(index);
            for detail in names::check_dns1035_label(name) {
                self.invalid(own.child("name"), name, detail);
            }
            if versions[..index].iter().any(|earlier| text(earlier, "/name") == name) {
                self.errors.push(FieldError::new(FieldErrorKind::Duplicate, own.child("name"), name.into(), ""));
            }
        }
        self.schemas(versions, spec);
        self.per_version(versions, spec, "additionalPrinterColumns", |check, list, path| check.columns(list, path));
        self.per_version(versions, spec, "subresources", |check, found, path| check.scale(found, path));
    }

    fn schemas(&mut self, versions: &[Value], spec: &FieldPath) {
        let schema = |version: &Value| version.pointer("/schema/openAPIV3Schema").cloned();
        for (index, version) in shown(versions, "schema") {
            let own = match index {
                Some(index) => spec.child("versions").index(index).child("schema"),
                None => spec.child("validation"),
            };
            match schema(version) {
                None => self.required(
                    spec.child("versions").index(index.unwrap_or(0)).child("schema").child("openAPIV3Schema"),
                    "schemas are required",
                ),
                Some(raw) => {
                    let result = Schema::from_openapi_at(&raw, &own.child("openAPIV3Schema"));
                    self.errors.extend(result.err().unwrap_or_default());
                }
            }
        }
    }

    /// Checks a field of each version, at the place where upstream reports it.
    fn per_version(
        &mut self,
        versions: &[Value],
        spec: &FieldPath,
        field: &str,
        check: impl Fn(&mut Self, &Value, FieldPath),
    ) {
        for (index, version) in shown(versions, field) {
            let Some(value) = version.get(field) else { continue };
            let path = index.map_or_else(|| spec.clone(), |index| spec.child("versions").index(index));
            check(self, value, path.child(field));
        }
    }

    fn columns(&mut self, columns: &Value, path: FieldPath) {
        for (index, column) in columns.as_array().into_iter().flatten().enumerate() {
            let path = path.index(index);
            if text(column, "/name").is_empty() {
                self.required(path.child("name"), "");
            }
            let type_ = text(column, "/type");
            match type_ {
                "" => self.required(path.child("type"), "must be one of boolean,date,integer,number,string"),
                _ if COLUMN_TYPES.contains(&type_) => {}
                _ => self.invalid(path.child("type"), type_, "must be one of boolean,date,integer,number,string"),
            }
            self.simple_path(text(column, "/jsonPath"), path.child("JSONPath"));
        }
    }

    fn simple_path(&mut self, json_path: &str, path: FieldPath) {
        if json_path.is_empty() {
            self.required(path, "");
        } else if !json_path.starts_with('.') {
            self.invalid(path, json_path, "must be a simple json path starting with .");
        }
    }

    fn scale(&mut self, subresources: &Value, path: FieldPath) {
        let Some(scale) = subresources.get("scale") else { return };
        let path = path.child("scale");
        let fields = [
            ("specReplicasPath", true, &[".spec"][..], "should be a json path under .spec"),
            ("statusReplicasPath", true, &[".status"], "should be a json path under .status"),
            ("labelSelectorPath", false, &[".status", ".spec"], "should be a json path under either .spec or .status"),
        ];
        for (field, required, roots, detail) in fields {
            match scale.get(field).and_then(Value::as_str) {
                None | Some("") if required => self.required(path.child(field), ""),
                Some(found)
                    if !found.is_empty() && !roots.iter().any(|root| found.starts_with(&format!("{root}."))) =>
                {
                    self.invalid(path.child(field), found, detail);
                }
                _ => {}
            }
        }
    }

    fn conversion(&mut self, crd: &Value, spec: &FieldPath) {
        let path = spec.child("conversion");
        if text(crd, "/spec/conversion/strategy") != "Webhook" {
            return;
        }
        if crd.pointer("/spec/conversion/webhook/clientConfig").is_none() {
            let detail = "required when strategy is set to Webhook";
            self.required(path.child("webhookClientConfig"), detail);
        }
        if list(crd, "/spec/conversion/webhook/conversionReviewVersions").is_empty() {
            self.required(path.child("conversionReviewVersions"), "");
        }
    }

    fn immutable(&mut self, crd: &Value, old: &Value) {
        let spec = FieldPath::root().child("spec");
        let fields = [
            ("/spec/group", spec.child("group")),
            ("/spec/scope", spec.child("scope")),
            ("/spec/names/kind", spec.child("names").child("kind")),
            ("/spec/names/plural", spec.child("names").child("plural")),
        ];
        for (pointer, path) in fields {
            if crd.pointer(pointer) != old.pointer(pointer) {
                self.invalid(path, text(crd, pointer), "field is immutable");
            }
        }
        let versions = list(crd, "/spec/versions");
        for stored in list(old, "/status/storedVersions") {
            if !versions.iter().any(|version| version["name"] == *stored) {
                let path = FieldPath::root().child("status").child("storedVersions").index(0);
                self.invalid(
                    path,
                    stored.clone(),
                    "missing from spec.versions; must remain until no object is stored in it",
                );
            }
        }
    }
}

/// The versions to check a field of, each with its index; one without an index where all are alike, since upstream
/// then reports it at the top.
fn shown<'a>(versions: &'a [Value], field: &str) -> Vec<(Option<usize>, &'a Value)> {
    let Some(first) = versions.first() else { return Vec::new() };
    if versions.iter().all(|version| version.get(field) == first.get(field)) {
        return vec![(None, first)];
    }
    versions.iter().enumerate().map(|(index, version)| (Some(index), version)).collect()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn crd() -> Value {
        json!({
            "metadata": {"name": "foos.ex.io"},
            "spec": {
                "group": "ex.io", "scope": "Namespaced",
                "names": {"plural": "foos", "singular": "foo", "kind": "Foo", "listKind": "FooList"},
                "versions": [{"name": "v1", "served": true, "storage": true,
                    "schema": {"openAPIV3Schema": {"type": "object"}}}],
            },
        })
    }

    fn messages(crd: &Value) -> Vec<String> {
        validate(crd, None).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_good_definition_passes() {
        assert_eq!(messages(&crd()), Vec::<String>::new());
    }

    #[test]
    fn names_are_checked_as_upstream() {
        let mut bad = crd();
        bad["spec"]["names"]["plural"] = json!("Foos");
        let found = messages(&bad);
        assert_eq!(
            found[0],
            "metadata.name: Invalid value: \"foos.ex.io\": must be spec.names.plural+\".\"+spec.group"
        );
        assert!(found[1].starts_with("spec.names.plural: Invalid value: \"Foos\": a DNS-1035 label"), "{found:?}");
    }

    #[test]
    fn columns_and_scale_paths_are_checked() {
        let mut bad = crd();
        bad["spec"]["versions"][0]["additionalPrinterColumns"] =
            json!([{"name": "", "type": "bogus", "jsonPath": "spec.x"}]);
        bad["spec"]["versions"][0]["subresources"] =
            json!({"scale": {"specReplicasPath": ".x", "statusReplicasPath": ".status.n"}});
        assert_eq!(
            messages(&bad),
            [
                "spec.additionalPrinterColumns[0].name: Required value",
                "spec.additionalPrinterColumns[0].type: Invalid value: \"bogus\": must be one of boolean,date,integer,number,string",
                "spec.additionalPrinterColumns[0].JSONPath: Invalid value: \"spec.x\": must be a simple json path starting with .",
                "spec.subresources.scale.specReplicasPath: Invalid value: \".x\": should be a json path under .spec",
            ]
        );
    }

    #[test]
    fn schemas_must_be_structural() {
        let mut bad = crd();
        bad["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"] = json!({"spec": {"type": "array"}});
        assert_eq!(
            messages(&bad),
            ["spec.validation.openAPIV3Schema.properties[spec].items: Required value: must be specified"]
        );
    }

    #[test]
    fn what_identifies_a_definition_is_immutable() {
        let mut new = crd();
        new["spec"]["scope"] = json!("Cluster");
        let errors = validate(&new, Some(&crd()));
        assert_eq!(errors[0].to_string(), "spec.scope: Invalid value: \"Cluster\": field is immutable");
    }
}
