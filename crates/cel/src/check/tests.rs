//! Tests of the type checker.

use std::sync::Arc;

use mainstay_apimachinery::Schema;
use serde_json::json;

use super::*;

fn variables() -> Variables {
    let schema = Schema::from_openapi(&json!({"type": "object", "properties": {
        "name": {"type": "string"}, "replicas": {"type": "integer"}, "ratio": {"type": "number"},
        "port": {"x-kubernetes-int-or-string": true}, "when": {"type": "string", "format": "date-time"},
        "wait": {"type": "string", "format": "duration"}, "a-b": {"type": "string"}, "namespace": {"type": "string"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "env": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}},
    }}));
    Variables::new().with("self", type_of(&Arc::new(schema.unwrap()), "selfType").unwrap())
}

fn type_name(source: &str) -> String {
    check(source, &variables()).map_or_else(|error| format!("{error}"), |checked| checked.type_.to_string())
}

fn first_line(source: &str) -> String {
    type_name(source).lines().next().unwrap_or_default().to_owned()
}

#[test]
fn every_expression_has_a_type() {
    let cases = [
        ("self.replicas * 2 > 1", "bool"),
        ("self.ratio / 2.0", "double"),
        ("self.tags.map(t, t.size())", "list(int)"),
        ("self.tags.filter(t, t != 'a')", "list(string)"),
        ("self.env.map(e, {'n': e.name})", "list(map(string, string))"),
        ("self.labels['a']", "string"),
        ("self.labels.all(k, k.startsWith('a') && self.labels[k] != '')", "bool"),
        ("self.labels.transformMap(k, v, int(v))", "map(string, int)"),
        ("self.env.transformList(i, e, string(i) + e.name)", "list(string)"),
        ("self.?name.orValue('x')", "string"),
        ("self.?env[?0].?name", "optional_type(string)"),
        ("self.tags[?0].optMap(t, t.size()).orValue(0)", "int"),
        ("cel.bind(n, self.replicas, n + n)", "int"),
        ("self.when + self.wait", "timestamp"),
        ("self.a__dash__b + self.__namespace__", "string"),
        ("self.port == 1 || self.port == 'http'", "bool"),
        ("type(self.name) == string", "bool"),
        ("quantity('1').add(1).isLessThan(quantity('2'))", "bool"),
        ("url('http://a/b').getQuery()['q'][0]", "string"),
        ("ip('::1').isLoopback() && cidr('::/0').containsIP('::1')", "bool"),
        ("format.dns1123Label().validate(self.name).hasValue()", "bool"),
        ("sets.contains(self.tags, ['a'])", "bool"),
        ("self.tags.sortBy(t, t.size()).first().orValue('')", "string"),
        ("math.greatest(1, 2)", "dyn"),
        ("has(self.name) ? [self.name] : []", "list(string)"),
        ("{'a': [], 'b': [1]}", "map(string, list(int))"),
        ("optional.none().orValue(1)", "int"),
    ];
    for (source, expected) in cases {
        assert_eq!(type_name(source), expected, "{source}");
    }
}

#[test]
fn what_is_wrong_is_told_in_the_words_of_cel_go() {
    let cases = [
        ("self.nope == 1", "ERROR: <input>:1:5: undefined field 'nope'"),
        ("has(self.nope)", "ERROR: <input>:1:4: undefined field 'nope'"),
        ("nope", "ERROR: <input>:1:1: undeclared reference to 'nope' (in container '')"),
        ("nope(1)", "ERROR: <input>:1:5: undeclared reference to 'nope' (in container '')"),
        ("self.replicas + 'a'", "ERROR: <input>:1:15: found no matching overload for '_+_' applied to '(int, string)'"),
        (
            "self.name.startsWith(1)",
            "ERROR: <input>:1:21: found no matching overload for 'startsWith' applied to 'string.(int)'",
        ),
        ("self.name.first", "ERROR: <input>:1:10: type 'string' does not support field selection"),
        ("self.tags.exists(t, t.nope == 1)", "ERROR: <input>:1:22: type 'string' does not support field selection"),
        ("[1, 'a']", "ERROR: <input>:1:5: expected type 'int' but found 'string'"),
        (
            "self.replicas.all(x, true)",
            "ERROR: <input>:1:5: expression of type 'int' cannot be range of a comprehension (must be list, map, or dynamic)",
        ),
        ("self == 1", "ERROR: <input>:1:6: found no matching overload for '_==_' applied to '(selfType, int)'"),
    ];
    for (source, expected) in cases {
        assert_eq!(first_line(source), expected, "{source}");
    }
    assert_eq!(type_name("1 +\n self.nope"), "ERROR: <input>:2:6: undefined field 'nope'\n |  self.nope\n | .....^");
}

#[test]
fn every_declared_function_exists() {
    use cel::common::value::CowVal;
    let env = environment::shared();
    // Only names without a receiver can be asked for from outside the evaluator.
    for name in ["isURL", "isIP", "isCIDR", "isQuantity", "isSemver", "url", "ip", "cidr", "semver", "quantity"] {
        let args = [CowVal::owned(cel::common::types::CelString::from("x"))];
        assert!(env.find_overload(name, &args).is_some(), "{name}");
    }
}
