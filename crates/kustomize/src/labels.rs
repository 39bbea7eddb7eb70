//! Labels and annotations for everything. As kustomize's label and annotation transformers.
//! It must not know which fields kinds have; see `config.rs`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::accumulate::Target;
use crate::config::{Config, everywhere};
use crate::error::Error;
use crate::fieldspec;
use crate::kustomization::{FieldSpec, Labels};
use crate::resource::Resource;

/// Adds the labels of a kustomization.
pub(crate) fn labels(target: &Target<'_>, resources: &mut [Resource], config: &Config) -> Result<(), Error> {
    for labels in &target.kustomization.labels {
        add(target, resources, &labels.pairs, &specs(labels, config))?;
    }
    add(target, resources, &target.kustomization.common_labels, &config.common_labels)
}

fn specs(labels: &Labels, config: &Config) -> Vec<FieldSpec> {
    let mut specs = labels.fields.clone();
    if labels.include_selectors {
        specs.extend(config.common_labels.iter().cloned());
    } else {
        specs.push(everywhere("metadata/labels", true));
        specs.extend(config.template_labels.iter().filter(|_| labels.include_templates).cloned());
    }
    specs
}

/// Adds the annotations of a kustomization.
pub(crate) fn annotations(target: &Target<'_>, resources: &mut [Resource], config: &Config) -> Result<(), Error> {
    add(target, resources, &target.kustomization.common_annotations, &config.common_annotations)
}

fn add(
    target: &Target<'_>,
    resources: &mut [Resource],
    pairs: &BTreeMap<String, String>,
    specs: &[FieldSpec],
) -> Result<(), Error> {
    if pairs.is_empty() {
        return Ok(());
    }
    let mut set = |field: &mut Value| {
        if field.is_null() {
            *field = Value::Object(Map::new());
        }
        let Value::Object(map) = field else { return Err("labels and annotations must be maps".to_owned()) };
        map.extend(pairs.iter().map(|(key, value)| (key.clone(), value.as_str().into())));
        Ok(())
    };
    for resource in resources {
        for spec in specs {
            let done = fieldspec::each(&mut resource.object, spec, &mut set);
            done.map_err(|message| target.failed(format!("{}: {message}", resource.id())))?;
        }
    }
    Ok(())
}
