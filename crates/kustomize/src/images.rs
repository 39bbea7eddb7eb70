//! Other images for containers. As kustomize's image tag transformer.
//! It must not know kinds: containers are found wherever they are.

use serde_json::Value;

use crate::accumulate::Target;
use crate::config::Config;
use crate::error::Error;
use crate::fieldspec;
use crate::kustomization::Image;
use crate::resource::Resource;

/// Gives containers the images that a kustomization asks for.
pub(crate) fn set(target: &Target<'_>, resources: &mut [Resource], config: &Config) -> Result<(), Error> {
    for image in &target.kustomization.images {
        for resource in resources.iter_mut().filter(|one| one.id().kind != "CustomResourceDefinition") {
            in_containers(&mut resource.object, image);
            for spec in &config.images {
                let mut update = |field: &mut Value| {
                    update(field, image);
                    Ok(())
                };
                fieldspec::each(&mut resource.object, spec, &mut update).map_err(|message| target.failed(message))?;
            }
        }
    }
    Ok(())
}

fn in_containers(value: &mut Value, image: &Image) {
    match value {
        Value::Object(map) => {
            for (name, field) in map {
                if let (true, Value::Array(containers)) = (is_containers(name), &mut *field) {
                    let fields = containers.iter_mut().filter_map(|container| container.get_mut("image"));
                    fields.for_each(|field| update(field, image));
                }
                in_containers(field, image);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| in_containers(item, image)),
        _ => {}
    }
}

fn is_containers(name: &str) -> bool {
    name == "containers" || name == "initContainers"
}

fn update(field: &mut Value, image: &Image) {
    if let Some(updated) = field.as_str().and_then(|old| updated(old, image)) {
        *field = updated.into();
    }
}

/// What an image becomes, if it is the one that is meant.
fn updated(old: &str, image: &Image) -> Option<String> {
    let (name, mut tag, mut digest) = split(old);
    if name != image.name {
        return None;
    }
    let name = if image.new_name.is_empty() { name } else { &image.new_name };
    match (image.new_tag.as_str(), image.digest.as_str()) {
        ("", "") => {}
        (new, digested) => (tag, digest) = (new.to_owned(), digested.to_owned()),
    }
    if !image.tag_suffix.is_empty() {
        tag.push_str(&image.tag_suffix);
        digest.clear();
    }
    let tag = if tag.is_empty() { tag } else { format!(":{tag}") };
    let digest = if digest.is_empty() { digest } else { format!("@{digest}") };
    Some(format!("{name}{tag}{digest}"))
}

/// Name, tag and digest of an image. A colon before the last slash belongs to the registry's port.
pub(crate) fn split(image: &str) -> (&str, String, String) {
    let (rest, digest) = image.split_once('@').unwrap_or((image, ""));
    let slash = rest.rfind('/').map_or(0, |at| at + 1);
    match rest[slash..].split_once(':') {
        Some((last, tag)) => (&rest[..slash + last.len()], tag.to_owned(), digest.to_owned()),
        None => (rest, String::new(), digest.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_digests_and_ports() {
        assert_eq!(split("reg:5000/a/b:1@sha256:x"), ("reg:5000/a/b", "1".into(), "sha256:x".into()));
        let image = |new_name: &str, new_tag: &str, digest: &str| Image {
            name: "nginx".into(),
            new_name: new_name.into(),
            new_tag: new_tag.into(),
            digest: digest.into(),
            ..Image::default()
        };
        assert_eq!(updated("nginx:1", &image("", "2", "")).unwrap(), "nginx:2");
        assert_eq!(updated("nginx:1", &image("my/nginx", "", "")).unwrap(), "my/nginx:1");
        assert_eq!(updated("nginx:1", &image("", "", "sha256:y")).unwrap(), "nginx@sha256:y");
        assert_eq!(updated("other:1", &image("", "2", "")), None);
    }
}
