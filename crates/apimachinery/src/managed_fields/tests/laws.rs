//! What must hold for any configuration, by properties.
//! It must not reach into the parts: everything goes through `apply` and `update`.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn specs() -> impl Strategy<Value = Value> {
    let word = || prop::sample::select(vec!["a", "b", "c"]);
    let words = |max| prop::collection::btree_set(word(), 0..max).prop_map(|set| json!(set));
    let ports = prop::collection::btree_map((1..4u8, any::<bool>()), word(), 0..4).prop_map(|ports| {
        let port = |((port, udp), name): ((u8, bool), &str)| {
            if udp {
                json!({"port": port, "protocol": "UDP", "name": name})
            } else {
                json!({"port": port, "name": name})
            }
        };
        Value::Array(ports.into_iter().map(port).collect())
    });
    let values = || prop::collection::btree_map(word(), word(), 0..3).prop_map(|map| json!(map));
    let free = values().prop_map(|map| json!({"deep": map, "list": [1, map]}));
    let fields = [
        ("size", (0..3u8).prop_map(|n| json!(n)).boxed()),
        ("ports", ports.boxed()),
        ("tags", words(4).boxed()),
        ("args", words(3).boxed()),
        ("selector", values().boxed()),
        ("values", values().boxed()),
        (
            "nested",
            prop::collection::btree_map(prop::sample::select(vec!["a", "b"]), word(), 0..3)
                .prop_map(|m| json!(m))
                .boxed(),
        ),
        ("free", free.boxed()),
    ];
    let fields: Vec<_> =
        fields.into_iter().map(|(name, values)| prop::option::of(values).prop_map(move |v| (name, v))).collect();
    fields.prop_map(|fields| {
        fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect::<Map<_, _>>().into()
    })
}

/// Who applies what, in turn.
fn history() -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    prop::collection::vec((prop::sample::select(vec!["a", "b", "c"]), specs()), 1..5)
}

fn play(history: &[(&str, Value)]) -> Value {
    history.iter().fold(Value::Null, |live, (manager, spec)| {
        let mut object = forced(&live, manager, spec.clone());
        metadata_of(&mut object).insert("uid".to_owned(), json!("1"));
        object
    })
}

fn existing(object: &Value) -> FieldSet {
    let everything = updated(&Value::Null, "x", 1, without_managed_fields(object));
    owned_by(&everything, "x", Operation::Update)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn applying_twice_is_applying_once(history in history(), spec in specs()) {
        let once = forced(&play(&history), "a", spec.clone());
        prop_assert_eq!(forced(&once, "a", spec), once);
    }

    #[test]
    fn everything_applied_is_owned_and_there(history in history(), spec in specs()) {
        let object = forced(&play(&history), "a", spec.clone());
        let set = extract::field_set(Typed::root(&schema()), &config(spec.clone())).unwrap().difference(&UNOWNED);
        prop_assert_eq!(&owned_by(&object, "a", Operation::Apply), &set);
        prop_assert!(crate::diff::covers(&object, &config(spec), Some(&schema())));
    }

    #[test]
    fn what_another_owns_alone_stays(history in history(), spec in specs()) {
        let before = play(&history);
        let after = forced(&before, "a", spec);
        for other in ["b", "c"] {
            let owned = owned_by(&after, other, Operation::Apply);
            let lost = owned.difference(&owned_by(&before, other, Operation::Apply));
            prop_assert!(lost.is_empty(), "{} gained {:?}", other, lost.paths());
            let there = owned.intersection(&existing(&before));
            prop_assert_eq!(there.difference(&existing(&after)).paths(), Vec::<String>::new());
        }
    }

    #[test]
    fn fields_v1_reads_back(history in history()) {
        let object = play(&history);
        for manager in ["a", "b", "c"] {
            let set = owned_by(&object, manager, Operation::Apply);
            prop_assert_eq!(FieldSet::from_fields_v1(&set.to_fields_v1()).unwrap(), set);
        }
    }

    #[test]
    fn forced_or_not_without_conflicts_is_the_same(history in history(), spec in specs()) {
        let live = play(&history);
        if let Ok(mut object) = try_apply(&live, "a", &config(spec.clone())) {
            let mut forced = forced(&live, "a", spec);
            metadata_of(&mut object).remove("managedFields");
            metadata_of(&mut forced).remove("managedFields");
            prop_assert_eq!(object, forced);
        }
    }

    #[test]
    fn appliers_without_conflicts_may_come_in_any_order(one in specs(), two in specs()) {
        let in_order = |first: (&str, &Value), second: (&str, &Value)| {
            let live = try_apply(&Value::Null, first.0, &config(first.1.clone())).ok()?;
            try_apply(&live, second.0, &config(second.1.clone())).ok()
        };
        let (a, b) = (("a", &one), ("b", &two));
        if let (Some(there), Some(back)) = (in_order(a, b), in_order(b, a)) {
            prop_assert_eq!(unordered(&there["spec"]), unordered(&back["spec"]));
            for manager in ["a", "b"] {
                let owned = |object| owned_by(object, manager, Operation::Apply);
                prop_assert_eq!(owned(&there), owned(&back));
            }
        }
    }

    #[test]
    fn appliers_of_different_fields_never_meet(one in specs(), two in specs()) {
        let half = |spec: &Value, keep: fn(&str) -> bool| -> Value {
            let fields = spec.as_object().unwrap().iter().filter(|(name, _)| keep(name));
            fields.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>().into()
        };
        let (one, two) = (half(&one, |name| name < "ports"), half(&two, |name| name >= "ports"));
        let there = applied(&applied(&Value::Null, "a", one.clone()), "b", two.clone());
        let back = applied(&applied(&Value::Null, "b", two), "a", one);
        prop_assert_eq!(&there["spec"], &back["spec"]);
        for manager in ["a", "b"] {
            prop_assert_eq!(owned_by(&there, manager, Operation::Apply), owned_by(&back, manager, Operation::Apply));
        }
    }

    #[test]
    fn a_writer_owns_what_it_adds_and_others_keep_what_it_leaves(history in history(), spec in specs()) {
        let before = play(&history);
        // Without owners nobody keeps books, until somebody applies.
        prop_assume!(!entries::list_of(&before).is_null());
        let mut new = before.clone();
        new["spec"] = spec;
        let after = updated(&before, "u", 9, new);
        let added = existing(&after).difference(&existing(&before));
        prop_assert_eq!(added.difference(&owned_by(&after, "u", Operation::Update)).paths(), Vec::<String>::new());
        for other in ["a", "b", "c"] {
            let (had, has) = (owned_by(&before, other, Operation::Apply), owned_by(&after, other, Operation::Apply));
            prop_assert!(has.difference(&had).is_empty());
            let lost = had.difference(&has).intersection(&existing(&after));
            prop_assert_eq!(lost.difference(&owned_by(&after, "u", Operation::Update)).paths(), Vec::<String>::new());
        }
    }
}

/// A value with its lists in one order: how appliers order what they share depends on who comes first.
fn unordered(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            map.iter().map(|(name, value)| (name.clone(), unordered(value))).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(unordered).collect();
            items.sort_by(element::compare_values);
            Value::Array(items)
        }
        other => other.clone(),
    }
}
