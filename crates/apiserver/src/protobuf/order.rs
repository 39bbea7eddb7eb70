//! The order in which Go writes the fields of an object of a built-in kind: that of its structs, which is the order of
//! the fields in the messages.
//! It must not know what the order is wanted for.

use mainstay_apimachinery::{GroupVersionKind, Schema, builtin};
use serde_json::{Map, Value};

use super::{Field, MESSAGES, plain};

/// What Go has for a value.
#[derive(Clone, Copy)]
pub(crate) struct GoType<'a> {
    message: &'static str,
    schema: &'a Schema,
    /// A list or a map of it.
    of_many: bool,
}

impl<'a> GoType<'a> {
    /// The struct of a kind.
    pub(crate) fn of(gvk: &GroupVersionKind, schema: &'a Schema) -> Option<Self> {
        Some(Self { message: builtin::definition_name(gvk)?, schema, of_many: false })
    }

    /// The type of the items of a list or a map.
    pub(crate) fn item(self) -> Option<Self> {
        let schema = self.schema.items.as_deref().or(self.schema.additional_properties.as_deref())?;
        self.of_many.then_some(Self { schema, of_many: false, ..self })
    }

    /// The fields of an object of this type in the order of the struct, each with its type if it has fields itself. What
    /// the struct has not comes last; the keys of a map are sorted.
    pub(crate) fn fields(self, object: &Map<String, Value>) -> Vec<(&String, &Value, Option<Self>)> {
        if self.of_many {
            return object.iter().map(|(key, value)| (key, value, self.item())).collect();
        }
        let mut places = Vec::new();
        collect(self, &mut places);
        let place = |key: &str| places.iter().position(|(field, _)| field.name == plain(key));
        let mut fields: Vec<(&String, &Value)> = object.iter().collect();
        fields.sort_by_key(|(key, _)| place(key).unwrap_or(usize::MAX));
        let typed = |key: &str| {
            let (field, owner) = places.get(place(key)?)?;
            owner.child(field, key)
        };
        fields.into_iter().map(|(key, value)| (key, value, typed(key))).collect()
    }

    fn child(self, field: &Field, key: &str) -> Option<Self> {
        let schema = self.schema.properties.get(key)?;
        (field.kind == b'm').then_some(Self { message: field.message, schema, of_many: field.mark.is_some() })
    }
}

/// The fields of a struct in their order, those of inlined structs in their place.
fn collect<'a>(type_: GoType<'a>, places: &mut Vec<(&'static Field, GoType<'a>)>) {
    let Some(message) = MESSAGES.get(&type_.message.to_lowercase()) else { return };
    let mut fields: Vec<&Field> = message.values().collect();
    fields.sort_by_key(|field| field.place);
    for field in fields {
        let named = type_.schema.properties.keys().any(|key| plain(key) == field.name);
        // What the schema does not name is written in place, one level deep at most.
        if named || field.kind != b'm' || field.mark.is_some() || type_.schema.properties.is_empty() {
            places.push((field, type_));
        } else {
            collect(GoType { message: field.message, ..type_ }, places);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn keys(gvk: &GroupVersionKind, path: &[&str], object: &Value) -> Vec<String> {
        let schema = builtin::schema(gvk).unwrap();
        let mut found = vec![(object, GoType::of(gvk, &schema))];
        for name in path {
            let (value, type_) = found.pop().unwrap();
            let fields = type_.unwrap().fields(value.as_object().unwrap());
            found.extend(fields.into_iter().find(|(key, ..)| key == name).map(|(_, value, type_)| (value, type_)));
        }
        let (value, type_) = found.pop().unwrap();
        let fields = type_.unwrap().fields(value.as_object().unwrap());
        fields.into_iter().map(|(key, ..)| key.clone()).collect()
    }

    #[test]
    fn fields_have_the_order_of_their_structs() {
        let pod = GroupVersionKind::new("", "v1", "Pod");
        let object = json!({
            "metadata": {"uid": "u", "labels": {"b": "1", "a": "2"}, "name": "n", "creationTimestamp": "t"},
            "spec": {"restartPolicy": "Always", "containers": [], "volumes": []},
        });
        assert_eq!(keys(&pod, &["metadata"], &object), ["name", "uid", "creationTimestamp", "labels"]);
        assert_eq!(keys(&pod, &["spec"], &object), ["volumes", "containers", "restartPolicy"]);
    }

    #[test]
    fn what_go_inlines_stands_in_its_place() {
        let volume = GroupVersionKind::new("", "v1", "Pod");
        let schema = builtin::schema(&volume).unwrap();
        let object = json!({"spec": {"volumes": [{"secret": {}, "name": "v"}], "nodeSelector": {"z": "1", "y": "2"}}});
        let pod = GoType::of(&volume, &schema).unwrap();
        let (_, spec, type_) = pod.fields(object.as_object().unwrap())[0];
        let fields = type_.unwrap().fields(spec.as_object().unwrap());
        let (_, volumes, type_) = fields[0];
        let item = type_.unwrap().item().unwrap();
        let names: Vec<&String> =
            item.fields(volumes[0].as_object().unwrap()).into_iter().map(|(key, ..)| key).collect();
        assert_eq!(names, ["name", "secret"]);
    }
}
