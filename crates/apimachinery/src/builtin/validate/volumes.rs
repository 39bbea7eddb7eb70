//! The rules of volumes in pods and of persistent volumes, claims and storage classes.
//! It must not know who mounts them.

use serde_json::Value;

use super::{Errors, field, is_empty, list, scheduling, text};
use crate::quantity::Quantity;
use crate::{FieldPath, names};

const ACCESS_MODES: [&str; 4] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];

/// Fields of a volume's source that must say something.
const REQUIRED: [(&str, &[&str]); 11] = [
    ("hostPath", &["path"]),
    ("secret", &["secretName"]),
    ("configMap", &["name"]),
    ("persistentVolumeClaim", &["claimName"]),
    ("nfs", &["server", "path"]),
    ("csi", &["driver"]),
    ("gcePersistentDisk", &["pdName"]),
    ("awsElasticBlockStore", &["volumeID"]),
    ("azureFile", &["secretName", "shareName"]),
    ("azureDisk", &["diskName", "diskURI"]),
    ("iscsi", &["targetPortal", "iqn"]),
];

/// The source of a volume, below `path`.
pub(super) fn source(errors: &mut Errors, volume: &Value, path: &FieldPath) {
    for (name, fields) in REQUIRED {
        let Some(source) = volume.get(name) else { continue };
        for name_of_field in fields.iter().filter(|field| text(source, field).is_empty()) {
            errors.required(path.child(name).child(name_of_field), "");
        }
    }
    if let Some(size) = volume.pointer("/emptyDir/sizeLimit").filter(|size| is_negative(size)) {
        let at = path.child("emptyDir").child("sizeLimit");
        errors.forbidden(at, &format!("SizeLimit field must be a valid resource quantity, found {size}"));
    }
    let place = volume.get("hostPath").map_or("", |source| text(source, "path"));
    if place.split('/').any(|part| part == "..") {
        errors.invalid(path.child("hostPath").child("path"), place, "must not contain '..'");
    }
    for name in ["secret", "configMap", "downwardAPI", "projected"] {
        let Some(source) = volume.get(name) else { continue };
        let at = path.child(name);
        mode(errors, source.get("defaultMode"), at.child("defaultMode"));
        for (index, item) in list(source, "items") {
            self::item(errors, item, &at.child("items").index(index), name != "downwardAPI");
        }
    }
}

fn item(errors: &mut Errors, item: &Value, path: &FieldPath, has_key: bool) {
    if has_key && text(item, "key").is_empty() {
        errors.required(path.child("key"), "");
    }
    match text(item, "path") {
        "" => errors.required(path.child("path"), ""),
        place => local_path(errors, place, &path.child("path")),
    }
    mode(errors, item.get("mode"), path.child("mode"));
}

/// A path within a volume: relative, and not out of it.
pub(super) fn local_path(errors: &mut Errors, place: &str, path: &FieldPath) {
    if place.starts_with('/') {
        errors.invalid(path.clone(), place, "must be a relative path");
    }
    if place.split('/').any(|part| part == "..") {
        errors.invalid(path.clone(), place, "must not contain '..'");
    }
}

fn mode(errors: &mut Errors, mode: Option<&Value>, path: FieldPath) {
    if let Some(number) = mode.and_then(Value::as_i64).filter(|mode| !(0..=0o777).contains(mode)) {
        errors.invalid(path, number, "must be a number between 0 and 0777 (octal), both inclusive");
    }
}

fn is_negative(amount: &Value) -> bool {
    Quantity::from_value(amount).is_ok_and(|amount| amount.is_negative())
}

fn access_modes(errors: &mut Errors, spec: &Value, path: &FieldPath) {
    let modes: Vec<&str> = list(spec, "accessModes").filter_map(|(_, mode)| mode.as_str()).collect();
    for mode in modes.iter().filter(|mode| !ACCESS_MODES.contains(mode)) {
        errors.not_supported(path.clone(), *mode, &ACCESS_MODES);
    }
    if modes.len() > 1 && modes.contains(&"ReadWriteOncePod") {
        errors.forbidden(path.clone(), "may not use ReadWriteOncePod with other access modes");
    }
}

pub(super) fn claim(errors: &mut Errors, new: &Value, old: Option<&Value>) {
    let path = field("spec");
    let spec = new.get("spec").unwrap_or(&Value::Null);
    if is_empty(spec.get("accessModes")) {
        errors.required(path.child("accessModes"), "at least 1 access mode is required");
    }
    access_modes(errors, spec, &path.child("accessModes"));
    match spec.pointer("/resources/requests/storage") {
        None => errors.required(path.child("resources").key("storage"), ""),
        Some(storage) if Quantity::from_value(storage).is_ok_and(|q| q.is_negative() || q.is_zero()) => {
            errors.invalid(path.child("resources").key("storage"), storage.clone(), "must be greater than zero");
        }
        Some(_) => {}
    }
    let class = text(spec, "storageClassName");
    if !class.is_empty() {
        errors.grammar(&path.child("storageClassName"), class, names::check_dns1123_subdomain(class));
    }
    if let Some(old) = old {
        claim_stays(errors, spec, old);
    }
}

fn claim_stays(errors: &mut Errors, spec: &Value, old: &Value) {
    let Some(before) = old.get("spec") else { return };
    let fixed = |spec: &Value| {
        let mut spec = spec.clone();
        for name in ["resources", "volumeAttributesClassName", "volumeName"] {
            spec.as_object_mut().and_then(|spec| spec.remove(name));
        }
        spec
    };
    let path = field("spec");
    if fixed(spec) != fixed(before) {
        let detail = "spec is immutable after creation except resources.requests and volumeAttributesClassName for \
                      bound claims";
        errors.forbidden(path, detail);
        return;
    }
    let size = |spec: &Value| spec.pointer("/resources/requests/storage").and_then(|s| Quantity::from_value(s).ok());
    if let (Some(now), Some(then)) = (size(spec), size(before)) {
        let at = path.child("resources").child("requests").child("storage");
        if now < then {
            errors.forbidden(at, "field can not be less than status.capacity");
        }
    }
}

pub(super) fn persistent_volume(errors: &mut Errors, new: &Value, old: Option<&Value>) {
    let spec = new.get("spec").unwrap_or(&Value::Null);
    let path = field("spec");
    if is_empty(spec.get("accessModes")) {
        errors.required(path.child("accessModes"), "");
    }
    access_modes(errors, spec, &path.child("accessModes"));
    let capacity = spec.get("capacity").and_then(Value::as_object);
    match capacity {
        None => errors.required(path.child("capacity"), ""),
        Some(capacity) if capacity.len() > 1 || !capacity.contains_key("storage") => {
            errors.not_supported(path.child("capacity"), Value::Object(capacity.clone()), &["storage"]);
        }
        Some(capacity) => {
            let storage = &capacity["storage"];
            if Quantity::from_value(storage).is_ok_and(|q| q.is_negative() || q.is_zero()) {
                errors.invalid(path.child("capacity").key("storage"), storage.clone(), "must be greater than zero");
            }
        }
    }
    let sources = sources(spec);
    if sources.is_empty() {
        errors.required(path.clone(), "must specify a volume type");
    }
    for name in sources.iter().skip(1) {
        errors.forbidden(path.child(name), "may not specify more than 1 volume type");
    }
    source(errors, spec, &path);
    if text(spec, "persistentVolumeReclaimPolicy") == "Recycle"
        && spec.pointer("/hostPath/path").is_some_and(|p| p == "/")
    {
        let detail = "may not be 'recycle' for a hostPath mount of '/'";
        errors.forbidden(path.child("persistentVolumeReclaimPolicy"), detail);
    }
    if let Some(selector) = spec.pointer("/nodeAffinity/required") {
        scheduling::node_selector(errors, selector, &path.child("nodeAffinity").child("required"));
    }
    let Some(before) = old.and_then(|old| old.get("spec")) else { return };
    errors.immutable(path.child("volumeMode"), spec.get("volumeMode"), before.get("volumeMode"));
    if sources.iter().any(|name| spec.get(*name) != before.get(*name)) {
        errors
            .forbidden(path.child("persistentvolumesource"), "spec.persistentvolumesource is immutable after creation");
    }
}

/// Fields of a persistent volume's spec that are no source.
const NO_SOURCE: [&str; 8] = [
    "accessModes",
    "capacity",
    "claimRef",
    "mountOptions",
    "nodeAffinity",
    "persistentVolumeReclaimPolicy",
    "storageClassName",
    "volumeMode",
];

fn sources(spec: &Value) -> Vec<&str> {
    let names = spec.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
    names.filter(|name| !NO_SOURCE.contains(name) && *name != "volumeAttributesClassName").collect()
}

pub(super) fn storage_class(errors: &mut Errors, new: &Value, old: Option<&Value>) {
    match text(new, "provisioner") {
        "" => errors.required(field("provisioner"), ""),
        name => errors.grammar(&field("provisioner"), name, names::check_qualified_name(&name.to_lowercase())),
    }
    let policy = text(new, "reclaimPolicy");
    if !policy.is_empty() && !matches!(policy, "Delete" | "Retain") {
        errors.not_supported(field("reclaimPolicy"), policy, &["Delete", "Retain"]);
    }
    for (key, _) in new.get("parameters").and_then(Value::as_object).into_iter().flatten() {
        if key.is_empty() {
            errors.invalid(field("parameters"), "", "field can not be empty.");
        }
    }
    let Some(old) = old else { return };
    for name in ["parameters", "provisioner", "reclaimPolicy"] {
        let (now, before) = (new.get(name), old.get(name));
        if now != before && !(is_empty(now) && is_empty(before)) {
            errors.forbidden(field(name), &format!("updates to {name} are forbidden."));
        }
    }
    errors.immutable(field("volumeBindingMode"), new.get("volumeBindingMode"), old.get("volumeBindingMode"));
}
