//! Expressions over one object.

use super::*;
use serde_json::json;

fn eval(expression: &str) -> Value {
    try_eval(expression).unwrap_or_else(|error| panic!("{error}"))
}

fn try_eval(expression: &str) -> Result<Value, Error> {
    let schema = json!({
        "metadata": {"name": "shop", "namespace": "team-a"},
        "spec": {
            "name": "shop", "replicas": 3, "ratio": 1.5, "enabled": true, "nothing": null,
            "tags": ["b", "a"], "labels": {"z": "1", "a": "2", "m": "3"},
            "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
        },
    });
    Program::compile(expression).unwrap().evaluate(&Bindings::new().with("schema", &schema))
}

#[test]
fn whole_numbers_are_ints() {
    assert_eq!(eval("schema.spec.replicas * 2 + 1"), json!(7));
    assert_eq!(eval("type(schema.spec.replicas) == int"), json!(true));
    assert_eq!(eval("schema.spec.ratio * 2.0"), json!(3));
    assert_eq!(eval("string(schema.spec.replicas) + '/x'"), json!("3/x"));
}

#[test]
fn maps_are_walked_in_the_order_of_their_keys() {
    for _ in 0..8 {
        assert_eq!(eval("schema.spec.labels.map(k, k)"), json!(["a", "m", "z"]));
        assert_eq!(eval("{'z': 1, 'b': 2, 'y': 3, 'a': 4}.map(k, k)"), json!(["a", "b", "y", "z"]));
        assert_eq!(eval("schema.spec.labels.transformList(k, v, k + '=' + v).join(',')"), json!("a=2,m=3,z=1"));
    }
}

#[test]
fn two_variable_macros_and_bind() {
    assert_eq!(eval("cel.bind(n, schema.spec.name, n + '-' + n)"), json!("shop-shop"));
    assert_eq!(eval("schema.spec.tags.transformMap(i, t, string(i) + t)"), json!({"0": "0b", "1": "1a"}));
    assert_eq!(eval("schema.spec.env.transformMapEntry(i, e, {e.name: e.value})"), json!({"A": "1", "B": "2"}));
    assert_eq!(eval("schema.spec.labels.transformMap(k, v, k != 'm', int(v))"), json!({"a": 2, "z": 1}));
    assert_eq!(eval("schema.spec.tags.exists(i, t, i == 1 && t == 'a')"), json!(true));
    assert_eq!(eval("schema.spec.tags.all(i, t, t == 'a')"), json!(false));
    assert_eq!(eval("[1, 2, 3].all(x, x > 0)"), json!(true));
}

#[test]
fn optionals_presence_and_ternaries() {
    assert_eq!(eval("schema.spec.?missing.orValue('d')"), json!("d"));
    assert_eq!(eval("schema.?status.?conditions[?0].orValue({'a': 1})"), json!({"a": 1}));
    assert_eq!(eval("has(schema.spec.name) && !has(schema.spec.missing)"), json!(true));
    assert_eq!(eval("schema.spec.enabled ? {'a': schema.spec.tags} : {}"), json!({"a": ["b", "a"]}));
    assert_eq!(eval("[?schema.spec.?missing, schema.spec.?name.orValue('')]"), json!(["shop"]));
    assert_eq!(eval("{?'x': schema.spec.?missing, 'y': omit()}"), json!({}));
    assert_eq!(eval("optional.none()"), Value::Null);
}

#[test]
fn maps_compare_whoever_made_them() {
    assert_eq!(eval("schema.spec.env[0] == {'name': 'A', 'value': '1'}"), json!(true));
    assert_eq!(eval("schema.spec.labels != {'a': '2'}"), json!(true));
    assert_eq!(eval("schema.spec.labels == schema.spec.labels"), json!(true));
    assert_eq!(eval("{'name': 'A', 'value': '1'} == schema.spec.env[0]"), json!(true));
    assert_eq!(eval("'a' in schema.spec.labels && size(schema.spec.labels) == 3"), json!(true));
}

#[test]
fn libraries() {
    assert_eq!(eval("schema.spec.labels.merge({'a': 'x', 'q': 'y'}).a"), json!("x"));
    assert_eq!(eval("{'a': {'b': 1}}.deepMerge({'a': {'c': 2}})"), json!({"a": {"b": 1, "c": 2}}));
    assert_eq!(eval("json.unmarshal(json.marshal({'a': [1]})).a[0]"), json!(1));
    assert_eq!(eval("'abc 123'.find('[0-9]+')"), json!("123"));
    assert_eq!(eval("[1, 2, 3].sum() + [4, 9].max()"), json!(15));
    assert_eq!(eval("['b', 'a'].sort().join('+')"), json!("a+b"));
    assert_eq!(eval("'%s-%d'.format([schema.spec.name, 3])"), json!("shop-3"));
    assert_eq!(eval("base64.encode(b'hi')"), json!("aGk="));
    assert_eq!(eval("lists.removeAtIndex([1, 2], 0)"), json!([2]));
    assert_eq!(eval("[7].first().orValue(0)"), json!(7));
    assert_eq!(eval("size(random.seededString(8, 'x'))"), json!(8));
    assert_eq!(eval("schema.metadata.namespace.startsWith('team')"), json!(true));
}

#[test]
fn quantities() {
    assert_eq!(eval("quantity('200m').isLessThan(quantity('1'))"), json!(true));
    assert_eq!(eval("quantity('1Gi').add(quantity('1Gi'))"), json!("2Gi"));
    assert_eq!(eval("string(quantity('500m').add(1)) + '!'"), json!("1500m!"));
    assert_eq!(eval("quantity('1').compareTo(quantity('1000m')) == 0 && quantity('2').asInteger() == 2"), json!(true));
    assert_eq!(eval("isQuantity('x')"), json!(false));
    assert_eq!(try_eval("quantity('x')").unwrap_err().kind, ErrorKind::Invalid);
}

#[test]
fn what_is_missing_is_pending_and_what_is_wrong_is_invalid() {
    let kind = |expression| try_eval(expression).unwrap_err().kind;
    assert_eq!(kind("schema.status.ip"), ErrorKind::Pending);
    assert_eq!(kind("schema.spec.tags[5]"), ErrorKind::Pending);
    assert_eq!(kind("schema.spec.name + 1"), ErrorKind::Invalid);
    assert_eq!(kind("deployment.status"), ErrorKind::Invalid);
    let error = try_eval("schema.spec.nope").unwrap_err();
    assert_eq!(error.to_string(), "failed to evaluate `schema.spec.nope`: no such key: nope");
}

#[test]
fn references_are_the_free_variables() {
    let program =
        Program::compile("items.map(x, x.a + schema.spec.b) + base64.encode(c) + [type(d) == int, has(e.f)]").unwrap();
    let expected = ["c", "d", "e", "items", "schema"].map(str::to_owned);
    assert_eq!(program.references(), &BTreeSet::from(expected));
    let program = Program::compile("schema.spec.?a.orValue(cel.bind(q, 1, q))").unwrap();
    let chain = FieldChain { root: "schema".into(), fields: vec!["spec".into(), "a".into()] };
    assert_eq!(program.chains(), &BTreeSet::from([chain]));
    assert!(Program::compile("schema.spec.x").unwrap().as_chain().is_some());
    assert!(Program::compile("schema.spec.x + 'a'").unwrap().as_chain().is_none());
}

#[test]
fn a_bad_expression_says_where() {
    let error = Program::compile("schema.spec. + 1").unwrap_err();
    assert_eq!((error.line, error.expression.as_str()), (1, "schema.spec. + 1"));
    assert!(error.to_string().contains("column"), "{error}");
}
