//! Rows of `ConfigMaps`, Secrets, volumes and storage classes.
//! It must not know what is stored.

use mainstay_apimachinery::object;
use serde_json::Value;

use super::access::{count, list, or, text};
use super::cell::{age, name, plain};
use super::printer::{AGE, NAME, Printer, col, wide};

pub(super) fn printers() -> [(&'static str, &'static str, Printer); 5] {
    [
        ("", "configmaps", CONFIG_MAPS),
        ("", "secrets", SECRETS),
        ("", "persistentvolumeclaims", CLAIMS),
        ("", "persistentvolumes", VOLUMES),
        ("storage.k8s.io", "storageclasses", STORAGE_CLASSES),
    ]
}

const CONFIG_MAPS: Printer = Printer {
    columns: &[NAME, col("Data"), AGE],
    cells: |object, now| {
        vec![name(object), (count(object, "/data") + count(object, "/binaryData")).into(), age(object, now)]
    },
};

const SECRETS: Printer = Printer {
    columns: &[NAME, col("Type"), col("Data"), AGE],
    cells: |object, now| {
        vec![name(object), text(object, "/type").into(), count(object, "/data").into(), age(object, now)]
    },
};

fn phase(object: &Value) -> Value {
    if object::is_deleting(object) { "Terminating".into() } else { text(object, "/status/phase").into() }
}

fn access_modes(modes: &[Value]) -> String {
    let short = |mode: &str| match mode {
        "ReadWriteOnce" => "RWO",
        "ReadOnlyMany" => "ROX",
        "ReadWriteMany" => "RWX",
        "ReadWriteOncePod" => "RWOP",
        _ => "",
    };
    modes.iter().filter_map(Value::as_str).map(short).collect::<Vec<_>>().join(",")
}

const UNSET: &str = "<unset>";

const CLAIMS: Printer = Printer {
    columns: &[
        NAME,
        col("Status"),
        col("Volume"),
        col("Capacity"),
        col("Access Modes"),
        col("StorageClass"),
        col("VolumeAttributesClass"),
        AGE,
        wide("VolumeMode"),
    ],
    cells: |claim, now| {
        let volume = text(claim, "/spec/volumeName");
        let bound = !volume.is_empty();
        let capacity = claim.pointer("/status/capacity/storage").filter(|_| bound).map_or_else(String::new, plain);
        let modes = if bound { access_modes(list(claim, "/status/accessModes")) } else { String::new() };
        vec![
            name(claim),
            phase(claim),
            volume.into(),
            capacity.into(),
            modes.into(),
            text(claim, "/spec/storageClassName").into(),
            or(text(claim, "/spec/volumeAttributesClassName"), UNSET).into(),
            age(claim, now),
            or(text(claim, "/spec/volumeMode"), UNSET).into(),
        ]
    },
};

const VOLUMES: Printer = Printer {
    columns: &[
        NAME,
        col("Capacity"),
        col("Access Modes"),
        col("Reclaim Policy"),
        col("Status"),
        col("Claim"),
        col("StorageClass"),
        col("VolumeAttributesClass"),
        col("Reason"),
        AGE,
        wide("VolumeMode"),
    ],
    cells: |volume, now| {
        let claim = volume.pointer("/spec/claimRef");
        let claim = claim.map(|claim| format!("{}/{}", text(claim, "/namespace"), text(claim, "/name")));
        vec![
            name(volume),
            volume.pointer("/spec/capacity/storage").map_or_else(String::new, plain).into(),
            access_modes(list(volume, "/spec/accessModes")).into(),
            text(volume, "/spec/persistentVolumeReclaimPolicy").into(),
            phase(volume),
            claim.unwrap_or_default().into(),
            text(volume, "/spec/storageClassName").into(),
            or(text(volume, "/spec/volumeAttributesClassName"), UNSET).into(),
            text(volume, "/status/reason").into(),
            age(volume, now),
            or(text(volume, "/spec/volumeMode"), UNSET).into(),
        ]
    },
};

const STORAGE_CLASSES: Printer = Printer {
    columns: &[
        NAME,
        col("Provisioner"),
        col("ReclaimPolicy"),
        col("VolumeBindingMode"),
        col("AllowVolumeExpansion").of_type("boolean"),
        AGE,
    ],
    cells: |class, now| {
        let default = object::annotation(class, "storageclass.kubernetes.io/is-default-class") == Some("true");
        let name = format!("{}{}", object::name(class), if default { " (default)" } else { "" });
        vec![
            name.into(),
            text(class, "/provisioner").into(),
            or(text(class, "/reclaimPolicy"), "Delete").into(),
            or(text(class, "/volumeBindingMode"), "Immediate").into(),
            (class["allowVolumeExpansion"] == true).into(),
            age(class, now),
        ]
    },
};
