//! Container images that an object names.
//! It must not know who asks.

use serde_json::Value;

/// Container images in an object's pod template, or in a pod.
#[must_use]
pub fn of(live: &Value) -> Vec<String> {
    let template = ["/spec/template/spec", "/spec/jobTemplate/spec/template/spec", "/spec"];
    let Some(spec) =
        template.iter().find_map(|pointer| live.pointer(pointer).filter(|spec| spec.get("containers").is_some()))
    else {
        return Vec::new();
    };
    let lists = ["initContainers", "containers"].iter().filter_map(|list| spec.get(*list)?.as_array());
    lists.flatten().filter_map(|container| container.get("image")?.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_come_from_pod_templates() {
        let deployment = serde_json::json!({"spec": {"template": {"spec": {"initContainers": [{"image": "b"}], "containers": [{"image": "a"}]}}}});
        assert_eq!(of(&deployment), ["b", "a"]);
    }
}
