//! What scripts may do, and what stops them.

use serde_json::json;

use super::*;

fn run_with(text: &str, open_libs: bool, object: &Value) -> Result<Returned, Error> {
    let script = Script { name: "test.lua", text, open_libs };
    let now = "2026-03-01T08:05:09Z".parse().unwrap();
    script.run(&World { globals: &[("obj", object)], now, limits: Limits::default() })
}

fn run(text: &str) -> Result<Returned, Error> {
    run_with(text, true, &json!({"spec": {"replicas": 3}, "list": [1, null, 2]}))
}

fn table(text: &str) -> Value {
    match run(text) {
        Ok(Returned::Table(value)) => value,
        other => panic!("{other:?}"),
    }
}

fn error(text: &str) -> String {
    run(text).unwrap_err().to_string()
}

#[test]
fn values_go_in_and_out() {
    assert_eq!(
        table("return {a = obj.spec.replicas + 1, b = obj.list, c = 1.5, d = {}}"),
        json!({"a": 4, "b": [1, 2], "c": 1.5, "d": []})
    );
    assert_eq!(run("local x = 1").unwrap(), Returned::Nil);
    assert_eq!(run("return {}, nil").unwrap(), Returned::Nil, "the last value counts");
    assert_eq!(table("return {1e18, 2^70}"), json!([1_000_000_000_000_000_000_i64, 2_f64.powi(70)]));
}

#[test]
fn what_has_no_json_form_is_refused() {
    assert!(error("return {f = print}").contains("cannot encode a function"));
    assert!(error("return {1, a = 2}").contains("both list items and named fields"));
    assert!(error("return {[1] = 1, [3] = 3}").contains("holes"));
    assert!(error("return {0/0}").contains("not finite"));
    assert!(error("local t = {}; t.t = t; return t").contains("contains itself"));
    assert!(error("local t = {}; for i = 1, 100 do t = {t, t} end; return t").contains("larger than"));
    assert!(error("return 'x'").contains("expect table output from Lua script, not string"));
}

#[test]
fn errors_say_where_and_why() {
    assert_eq!(
        error("\nreturn obj.status.phase.x"),
        "failed to run test.lua: test.lua:2: attempt to index field 'status' (a nil value)"
    );
    assert!(error("return {").contains("failed to compile test.lua: test.lua:1: unexpected symbol near '<eof>'"));
    assert!(error("error('replicas is required', 0)").ends_with("test.lua: replicas is required"));
    assert!(error("\u{1b}Lua").contains("test.lua"));
}

#[test]
fn a_loop_without_end_is_stopped_even_if_it_catches_errors() {
    let endless = "failed to run test.lua: script ran longer than 5000000 instructions";
    for script in [
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "while true do xpcall(function() while true do end end, function(e) return e end) end",
        "pcall(function() while true do end end); return {status = 'Healthy'}",
        "setmetatable(obj, {__index = function(t, k) return t[k .. k:sub(1, 1)] end}); return {obj.x}",
        "return {('a'):rep(5000):find(('a*'):rep(50) .. 'b')}",
        "return {('a'):rep(5000):gsub(('.-'):rep(50) .. 'b', '')}",
        "for i = 1, 1e9 do local s = ('x'):rep(2^20) end",
        "local s = ('x'):rep(2^20) for i = 1, 1e9 do local t = s .. i end",
        "local t = {} for i = 1, 1e9 do t[i] = i end",
        "local t = {} for i = 1, 2e5 do t[i] = i end while true do t[#t] = nil; next(t) end",
    ] {
        let said = error(script);
        assert!(said.starts_with(endless) || said.contains("stack overflow"), "{script}: {said}");
    }
}

#[test]
fn memory_is_limited() {
    let greedy = "failed to run test.lua: script used more than 16777216 bytes of memory";
    for script in [
        "local t = {} while true do t[#t + 1] = ('x'):rep(100000) .. #t end",
        "local s = 'x' while true do s = s .. s end",
        "return {('x'):rep(1e9)}",
        "return {(('x'):rep(1e6):gsub('x', ('y'):rep(1000)))}",
    ] {
        let said = error(script);
        assert!(said.starts_with(greedy), "{script}: {said}");
    }
}

#[test]
fn deep_recursion_is_an_error_and_no_crash() {
    assert!(error("local function f() return 1 + f() end; return {f()}").contains("stack overflow"));
    assert!(error("local function f() local ok, e = pcall(f); return e end; return {f()}, 'x'").contains("not string"));
    assert!(error(&format!("return {}1{}", "(".repeat(500), ")".repeat(500))).contains("too many"));
    assert!(error("return {('x'):gsub('x', function() return ('x'):gsub('x', error) end)}").contains("test.lua"));
}

#[test]
fn nothing_reaches_outside() {
    for name in [
        "io",
        "debug",
        "package",
        "load",
        "loadstring",
        "loadfile",
        "dofile",
        "module",
        "newproxy",
        "collectgarbage",
        "coroutine",
        "os.execute",
        "os.exit",
        "os.getenv",
        "os.remove",
        "string.dump",
    ] {
        assert_eq!(table(&format!("return {{is = tostring({name})}}")), json!({"is": "nil"}), "{name}");
    }
    assert!(error("require('io')").contains("module 'io' is not available"));
}

#[test]
fn strings_and_math_need_open_libs() {
    let closed = |text: &str| run_with(text, false, &json!({}));
    assert!(closed("return {('x'):upper()}").is_err());
    assert!(closed("return {math.floor(1.5)}").is_err());
    assert!(closed("return {require('os').time(), table.getn({1}), type(require('math').random(5))}").is_ok());
    assert_eq!(table("return {('x'):upper(), math.floor(1.5), math.random(3, 3)}"), json!(["X", 1, 3]));
}

#[test]
fn string_functions_answer_as_lua_does() {
    assert_eq!(table("return {('a=1, b=2'):gsub('(%w)=(%w)', '%2=%1')}"), json!(["1=a, 2=b", 2]));
    assert_eq!(table("return {('abc'):gsub('', '-')}"), json!(["-a-b-c-", 4]));
    assert_eq!(table("return {('abc'):gsub('%w', {a = 1, b = true and 'B'}, 2)}"), json!(["1Bc", 2]));
    assert_eq!(table("return {('hi'):gsub('^h', function(x) return x:upper() end)}"), json!(["Hi", 1]));
    assert_eq!(
        table("local r = {} for k, v in ('a=1,b=2'):gmatch('(%w)=(%w)') do r[k] = v end return r"),
        json!({"a": "1", "b": "2"})
    );
    assert_eq!(table("return {('a.b'):find('.', 1, true)}"), json!([2, 2]));
    assert_eq!(table("return {('hello'):find('l', -2), ('x'):rep(-1), ('x'):rep(3)}"), json!([4, "", "xxx"]));
    assert_eq!(table("return {('v1.2'):match('v(%d)()')}"), json!(["1", 3]));
}

#[test]
fn json_is_there_by_name() {
    assert_eq!(
        table("local json = require('json'); return {json.encode({a = {1}}), json.decode('{\"b\": 2}').b}"),
        json!(["{\"a\":[1]}", 2])
    );
    assert_eq!(table("local v, e = require('json').decode('{'); return {type(v), type(e)}"), json!(["nil", "string"]));
}
