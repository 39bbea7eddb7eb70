//! Tests of validation rules.

use mainstay_apimachinery::{FieldPath, Schema};
use serde_json::{Value, json};

use super::*;

fn schema(spec: Value) -> Schema {
    Schema::from_openapi(&json!({"type": "object", "properties": {"spec": spec}})).unwrap()
}

fn refused(spec: Value, new: Value, old: Option<Value>) -> Vec<String> {
    let schema = schema(spec);
    let wrong = definition::check(&schema, &FieldPath::root());
    assert_eq!(wrong, [], "the definition is fine");
    let whole = |spec: Value| json!({"metadata": {"name": "a"}, "spec": spec});
    let outcome = Rules::compile(&schema).validate(&whole(new), old.map(whole).as_ref(), &FieldPath::root());
    outcome.errors.iter().map(ToString::to_string).collect()
}

fn wrong_definition(spec: Value) -> Vec<String> {
    let errors = definition::check(&schema(spec), &FieldPath::root().child("s"));
    errors.iter().map(ToString::to_string).collect()
}

fn rule(rule: &str) -> Value {
    json!([{"rule": rule}])
}

/// Whether an expression over `self` holds, with `self` an object of any fields.
fn holds(expression: &str) -> bool {
    let spec = json!({"type": "object", "x-kubernetes-validations": rule(expression), "properties": {
        "url": {"type": "string", "maxLength": 99}, "n": {"type": "number"}, "i": {"type": "integer"},
        "at": {"type": "string", "format": "date-time"}, "for": {"type": "string", "format": "duration"},
        "bytes": {"type": "string", "format": "byte", "maxLength": 99},
        "set": {"type": "array", "maxItems": 5, "x-kubernetes-list-type": "set", "items": {"type": "string", "maxLength": 5}},
        "ports": {"type": "array", "maxItems": 5, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["p"],
            "items": {"type": "object", "required": ["p"], "properties": {"p": {"type": "integer"}, "v": {"type": "string", "maxLength": 9}}}},
        "labels": {"type": "object", "maxProperties": 5, "additionalProperties": {"type": "string", "maxLength": 9}},
    }});
    let value = json!({"url": "https://me@h.example:8080/p%20q?a=1&a=2&b=x+y", "n": 2, "i": 3, "at": "2030-01-01T10:00:00Z",
        "for": "90m", "bytes": "aGk=", "set": ["a", "b"], "ports": [{"p": 1, "v": "x"}, {"p": 2, "v": "y"}],
        "labels": {"z": "1", "a": "2"}});
    let errors = refused(spec, value, None);
    assert!(errors.len() < 2 && errors.iter().all(|error| error.contains("failed rule")), "{expression}: {errors:?}");
    errors.is_empty()
}

#[test]
fn values_are_of_the_type_of_their_schema() {
    for expression in [
        "self.n * 1.5 == 3.0",
        "self.n == 2.0 && self.i % 2 == 1",
        "self.at.getHours() == 10 && self.at + self.__for__ == timestamp('2030-01-01T11:30:00Z')",
        "self.bytes == b'hi' && size(self.bytes) == 2",
        "self.labels.map(k, k) == ['a', 'z'] && self.labels == {'a': '2', 'z': '1'}",
        "{'a': '2', 'z': '1'} == self.labels && [{'a': '2', 'z': '1'}] == [self.labels]",
        "self.ports[0] == self.ports[0] && self.ports[0] != self.ports[1] && [self.ports[1]] == self.ports.filter(p, p.p == 2)",
        "self.ports.exists_one(p, p.p == 2)",
        "'a' in self.set && !('c' in self.set) && 'z' in self.labels",
    ] {
        assert!(holds(expression), "{expression}");
    }
}

#[test]
fn sets_and_keyed_lists_are_equal_in_any_order() {
    for expression in [
        "self.set == ['b', 'a'] && ['b', 'a'] == self.set && self.set != ['a']",
        "self.ports == [self.ports[1], self.ports[0]] && [self.ports[1], self.ports[0]] == self.ports",
        "self.set + ['b', 'c'] == ['a', 'b', 'c']",
        "(self.ports + [self.ports[1]]).map(p, p.v) == ['x', 'y']",
        "sets.equivalent(self.set, ['b', 'a', 'a']) && sets.intersects(self.set, ['b']) && !sets.contains(self.set, ['c'])",
    ] {
        assert!(holds(expression), "{expression}");
    }
}

#[test]
fn the_libraries_of_kubernetes() {
    for expression in [
        "url(self.url).getHostname() == 'h.example' && url(self.url).getPort() == '8080'",
        "url(self.url).getHost() == 'h.example:8080' && url(self.url).getScheme() == 'https'",
        "url(self.url).getEscapedPath() == '/p%20q' && url(self.url).getQuery()['a'] == ['1', '2']",
        "url(self.url).getQuery()['b'] == ['x y'] && isURL('/path') && !isURL('not a url') && !isURL('../x')",
        "!isURL('http://a b/') && url('https://[::1]:80/').getHostname() == '::1'",
        "ip('10.0.0.1').family() == 4 && !isIP('10.0.0') && !isIP('::ffff:1.2.3.4') && ip.isCanonical('::1')",
        "cidr('10.0.0.0/8').containsIP('10.9.9.9') && !cidr('10.0.0.0/8').containsIP(ip('11.0.0.0'))",
        "cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && string(cidr('10.1.2.3/8').masked()) == '10.0.0.0/8'",
        "cidr('::/64').prefixLength() == 64 && isCIDR('1.2.3.0/24') && !isCIDR('1.2.3.0/33')",
        "semver('1.2.3').isLessThan(semver('1.10.0')) && semver('v1.2', true).minor() == 2 && !isSemver('1.2')",
        "!format.dns1123Label().validate('abc').hasValue() && format.dns1123Label().validate('A').hasValue()",
        "format.named('uuid').hasValue() && !format.named('nope').hasValue()",
        "quantity('2').isInteger() && !quantity('1500m').isInteger()",
        "'a1b22'.findAll('[0-9]+') == ['1', '22'] && 'a1'.find('[0-9]') == '1'",
        "[1, 3, 2].max() == 3 && [1, 2].isSorted() && [1, 2].sum() == 3 && ['a', 'b'].indexOf('b') == 1",
    ] {
        assert!(holds(expression), "{expression}");
    }
}

#[test]
fn rules_hold_at_any_depth() {
    let spec = json!({"type": "object", "properties": {
        "list": {"type": "array", "maxItems": 3, "items": {"type": "integer", "x-kubernetes-validations": rule("self > 0")}},
        "map": {"type": "object", "maxProperties": 3, "additionalProperties":
            {"type": "string", "maxLength": 9, "x-kubernetes-validations": rule("self != 'x'")}},
        "object": {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "x-kubernetes-validations": [{"rule": "self.a < self.b", "fieldPath": ".b", "reason": "FieldValueForbidden"}]},
    }});
    let new = json!({"list": [1, 0], "map": {"k": "x"}, "object": {"a": 2, "b": 1}});
    assert_eq!(
        refused(spec.clone(), new, None),
        [
            "spec.list[1]: Invalid value: 0: failed rule: self > 0",
            "spec.map[k]: Invalid value: \"x\": failed rule: self != 'x'",
            "spec.object.b: Forbidden: failed rule: self.a < self.b",
        ]
    );
    assert_eq!(
        refused(spec, json!({"object": {"a": 1}}), None),
        ["spec.object: Invalid value: \"object\": no such key: b evaluating rule: self.a < self.b"]
    );
}

#[test]
fn transition_rules_need_an_old_value() {
    let immutable = json!([{"rule": "self == oldSelf", "message": "immutable"}]);
    let spec = json!({"type": "object", "properties": {
        "a": {"type": "string", "x-kubernetes-validations": immutable.clone()},
        "ports": {"type": "array", "maxItems": 5, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["p"], "items": {
            "type": "object", "required": ["p"], "properties": {
                "p": {"type": "integer"}, "v": {"type": "string", "maxLength": 9, "x-kubernetes-validations": immutable}}}},
    }});
    let old = json!({"a": "x", "ports": [{"p": 1, "v": "x"}, {"p": 2, "v": "y"}]});
    let new = json!({"a": "x", "ports": [{"p": 2, "v": "z"}, {"p": 3, "v": "w"}]});
    assert_eq!(refused(spec.clone(), new.clone(), None), Vec::<String>::new());
    assert_eq!(refused(spec, new, Some(old)), ["spec.ports[0].v: Invalid value: \"z\": immutable"]);
    let once = json!([{"rule": "oldSelf.hasValue() || self == 'first'", "optionalOldSelf": true}]);
    let spec = json!({"type": "object", "properties": {"a": {"type": "string", "maxLength": 9, "x-kubernetes-validations": once}}});
    assert_eq!(refused(spec.clone(), json!({"a": "x"}), None).len(), 1);
    assert_eq!(refused(spec, json!({"a": "x"}), Some(json!({"a": "y"}))).len(), 0);
}

#[test]
fn what_did_not_change_need_not_keep_the_rules() {
    let spec = json!({"type": "object", "properties": {
        "a": {"type": "integer", "x-kubernetes-validations": rule("self > 0")}, "b": {"type": "integer"},
        "l": {"type": "array", "maxItems": 3, "items": {"type": "integer", "x-kubernetes-validations": rule("self > 0")}}}});
    let old = json!({"a": 0, "b": 1, "l": [0]});
    assert_eq!(refused(spec.clone(), json!({"a": 0, "b": 2, "l": [0]}), Some(old.clone())), Vec::<String>::new());
    assert_eq!(refused(spec.clone(), json!({"a": -1, "b": 1, "l": [0]}), Some(old.clone())).len(), 1);
    assert_eq!(refused(spec, json!({"a": 0, "b": 1, "l": [0, 1]}), Some(old)).len(), 1);
}

#[test]
fn rules_that_cost_too_much_are_stopped() {
    let nested = "self.all(x, self.all(y, self.all(z, x + y + z >= 0)))";
    let spec = json!({"type": "array", "maxItems": 99, "items": {"type": "integer"}, "x-kubernetes-validations": rule(nested)});
    let items: Vec<i64> = (0..99).collect();
    let [error] = refused(spec, json!(items), None).try_into().unwrap();
    assert!(
        error.starts_with(
            "spec: Invalid value: \"array\": 'operation cancelled: actual cost limit exceeded': no further"
        ),
        "{error}"
    );
}

#[test]
fn a_definition_says_what_is_wrong_with_its_rules() {
    let of = |rules: Value| {
        wrong_definition(
            json!({"type": "object", "properties": {"a": {"type": "integer"}}, "x-kubernetes-validations": rules}),
        )
    };
    let shown =
        r#"{"Rule":"self.b","Message":"","MessageExpression":"","Reason":null,"FieldPath":"","OptionalOldSelf":null}"#;
    assert_eq!(
        of(json!([{"rule": "self.b"}])),
        [format!(
            "s.properties[spec].x-kubernetes-validations[0].rule: Invalid value: {shown}: compilation failed: ERROR: <input>:1:5: undefined field 'b'\n | self.b\n | ....^"
        )]
    );
    let detail = |rules: Value| {
        of(rules).into_iter().map(|error| error.rsplit(": ").next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(detail(json!([{"rule": "self.a"}])), ["cel expression must evaluate to a bool"]);
    assert_eq!(detail(json!([{"rule": ""}])), ["rule is not specified"]);
    assert_eq!(
        detail(json!([{"rule": "true", "messageExpression": "1"}])),
        ["messageExpression must evaluate to a string"]
    );
    assert_eq!(detail(json!([{"rule": "true", "fieldPath": ".nope"}])).len(), 1);
    assert_eq!(detail(json!([{"rule": "true", "reason": "Nope"}])).len(), 1);
    assert_eq!(detail(json!([{"rule": "true\n", "message": "a\nb"}])), ["message must not contain line breaks"]);
}

#[test]
fn old_values_must_be_found_again() {
    let items = json!({"type": "string", "maxLength": 9, "x-kubernetes-validations": rule("self == oldSelf")});
    let [error] = wrong_definition(json!({"type": "array", "maxItems": 9, "items": items})).try_into().unwrap();
    assert_eq!(
        error,
        "s.properties[spec].items.x-kubernetes-validations[0].rule: Invalid value: \"self == oldSelf\": oldSelf cannot be used on the uncorrelatable portion of the schema within s.properties[spec]"
    );
}
