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
    let endless = ["script ran longer than 3000000 instructions", "script used more than 8388608 bytes of memory"];
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
        assert!(
            endless.iter().any(|limit| said.contains(limit)) || said.contains("stack overflow"),
            "{script}: {said}"
        );
    }
}

#[test]
fn memory_is_limited() {
    let greedy = "failed to run test.lua: script used more than 8388608 bytes of memory";
    for script in [
        "while true do pcall(string.rep, 'x', 1e9) end",
        "local s = 'x' while true do s = s .. s end",
        "return {('x'):rep(1e9)}",
        "return {(('x'):rep(1e5):gsub('.*', ('%0'):rep(100)))}",
    ] {
        let said = error(script);
        assert!(said.starts_with(greedy), "{script}: {said}");
    }
}

#[test]
fn deep_recursion_is_an_error_and_no_crash() {
    let recursion = error("local function f() return 1 + f() end; return {f()}");
    assert!(recursion.contains("stack overflow") || recursion.contains("ran longer"), "{recursion}");
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

/// An object near the size that a store takes: many fields, a long list, a long text.
fn large() -> Value {
    let fields: serde_json::Map<_, _> = (0..40_000).map(|index| (format!("k{index}"), json!(index))).collect();
    let list: Vec<_> = (0..40_000).collect();
    json!({"fields": fields, "list": list, "text": "x".repeat(500_000), "digits": "1".repeat(500_000)})
}

/// Each of these took seconds to minutes while calls of libraries cost nothing.
#[test]
fn no_function_of_a_library_is_free() {
    let object = large();
    for step in [
        "local x = obj.text:upper()",
        "local x = obj.text:reverse()",
        "local x = obj.text:byte(1, 7000)",
        "local x = ('%q'):format(obj.text)",
        "local x = obj.text:rep(1)",
        "local x = obj.text:gsub('x', 'y')",
        "local x = obj.text:gsub('(x)', '%1%1%1%1%1%1%1%1%1')",
        "local x = obj.text:find('y', 1, true)",
        "local x = obj.text .. 1",
        "local x = obj.digits + 1",
        "local x = tonumber(obj.text, 36)",
        "for x in obj.text:gmatch('x') do end",
        "table.sort(obj.list)",
        "table.insert(obj.list, 1, 1)",
        "table.remove(obj.list, 1) table.insert(obj.list, 1)",
        "local x = table.concat(obj.list)",
        "local x = table.maxn(obj.fields)",
        "local x = {unpack(obj.list, 1, 7000)}",
        "local x = require('json').encode(obj)",
        "local x = require('json').decode('[' .. obj.digits .. ']')",
        "local x = os.date(('%c'):rep(1000))",
        "pcall(error, obj.text)",
        "pcall(require, obj.text)",
        "local k = next(obj.fields) if k then obj.fields[k] = nil end",
    ] {
        let said = run_with(&format!("while true do {step} end"), true, &object).unwrap_err().to_string();
        assert!(said.contains("ran longer than") || said.contains("bytes of memory"), "{step}: {said}");
    }
    let shift = run_with("table.insert(obj.list, '-2000000000', 1)", true, &object).unwrap_err().to_string();
    assert!(shift.contains("position out of bounds"), "{shift}");
}

#[test]
fn a_large_object_may_be_looked_through() {
    let script = "local sum = 0 for _, one in ipairs(obj.list) do sum = sum + one end return {sum = sum}";
    let object = json!({"list": (0..10_000).collect::<Vec<_>>(), "text": "x".repeat(20_000)});
    assert_eq!(run_with(script, false, &object).unwrap(), Returned::Table(json!({"sum": 49_995_000})));
    assert_eq!(
        table("return {table.maxn({1, 2, [10] = 3}), table.concat({1, 2}, '-'), unpack({7, 8})}"),
        json!([10, "1-2", 7, 8])
    );
    assert_eq!(
        table(
            "local t = {1, 3} table.insert(t, 2, 2) table.insert(t, 4) table.remove(t, 1) table.sort(t, function(a, b) return a > b end) return t"
        ),
        json!([4, 3, 2])
    );
}
