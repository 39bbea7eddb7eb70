//! Own cases, and the same ones as the matcher that comes with Lua answers them.

use std::cell::Cell;

use mlua::ObjectLike;

use super::*;

fn find(text: &str, pattern: &str) -> Option<Match> {
    Pattern::new(pattern.as_bytes(), true).unwrap().find(text.as_bytes(), 0, &|| Ok(())).unwrap()
}

/// Start and end as `string.find` tells them, by our matcher and by Lua's.
fn both(text: &str, pattern: &str) -> (Vec<i64>, Vec<i64>) {
    let ours = find(text, pattern).map_or(Vec::new(), |found| {
        let captures = found.captures.iter().flat_map(|capture| match capture {
            Capture::Span(start, end) => vec![*start + 1, *end],
            Capture::Position(at) => vec![*at + 1],
            Capture::Open(_) => Vec::new(),
        });
        [found.start + 1, found.end].into_iter().chain(captures).map(|at| i64::try_from(at).unwrap()).collect()
    });
    let lua = mlua::Lua::new();
    let found: mlua::MultiValue =
        lua.globals().get::<mlua::Table>("string").unwrap().call_function("find", (text, pattern)).unwrap();
    let mut theirs: Vec<i64> = Vec::new();
    for value in &found {
        match value {
            mlua::Value::String(captured) => {
                let captured = captured.to_string_lossy();
                let start = text.find(&captured).unwrap();
                theirs.extend([start + 1, start + captured.len()].map(|at| i64::try_from(at).unwrap()));
            }
            other => theirs.extend(other.as_i64()),
        }
    }
    (ours, theirs)
}

#[test]
fn answers_are_those_of_lua() {
    for (text, pattern) in [
        ("key: value", "^(.-):%s*(.*)$"),
        ("hello world", "o w"),
        ("hello", "l+"),
        ("hello", "(h)(.)%1"),
        ("abcabd", "(ab).*%1"),
        ("f(a(b)c)d", "%b()"),
        ("THE (quick) fox", "%f[%a]%a+%f[%A]"),
        ("v1.22.3", "v?(%d+)%.(%d+)"),
        ("a-b", "[%w-]+"),
        ("a]b", "[]]"),
        ("a^b", "[b^]"),
        ("x = [[y]]", "%[%[(.-)%]%]"),
        ("abc", "()b()"),
        ("aaa", "a-$"),
        ("aaa", "^a?a?a?a?$"),
        ("", "^$"),
        ("tab\there", "%c"),
        ("no match", "%d"),
        ("price $5", "$5"),
        ("a.b", "a%.b"),
        ("nginx:1.25@sha256:ab", "^([^:@]+):?([^@]*)"),
    ] {
        let (ours, theirs) = both(text, pattern);
        assert_eq!(ours, theirs, "{pattern:?} in {text:?}");
    }
}

#[test]
fn malformed_patterns_are_refused() {
    for (pattern, expected) in [
        ("[a", "missing ']'"),
        ("a%", "ends with '%'"),
        ("%b(", "missing arguments"),
        ("%fa", "missing '['"),
        ("%0", "invalid capture index"),
    ] {
        let error = Pattern::new(pattern.as_bytes(), true).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let run = |pattern: &str| Pattern::new(pattern.as_bytes(), true).unwrap().find(b"aa", 0, &|| Ok(())).unwrap_err();
    assert!(run("a)").to_string().contains("')' without '('"));
    assert!(run("(a").to_string().contains("unfinished capture"));
    assert!(run("(a)%2").to_string().contains("invalid capture index"));
    assert!(Pattern::new(&b"a".repeat(300), true).unwrap_err().to_string().contains("256 items"));
}

#[test]
fn a_pattern_that_would_run_for_years_is_stopped() {
    let pattern =
        Pattern::new("a*".repeat(30).as_bytes().iter().chain(b"b").copied().collect::<Vec<_>>().as_slice(), true);
    let left = Cell::new(10_000_u32);
    let count = || {
        left.set(left.get().checked_sub(1).ok_or_else(|| mlua::Error::runtime("enough"))?);
        Ok(())
    };
    let error = pattern.unwrap().find(&b"a".repeat(100), 0, &count).unwrap_err();
    assert!(error.to_string().contains("enough"));
}

/// Pieces that patterns are put together from: what is special in them, and what is not.
const PIECES: &[&str] = &[
    "a", "b", "-", ".", "%a", "%A", "%d", "%w", "[ab]", "[^a]", "[a-c%d]", "[]b]", "*", "+", "-", "?", "(", ")", "()",
    "%1", "%2", "%b()", "%bab", "%f[a]", "%f[^b]", "^", "$", "%%", "%-", "[", "%",
];

/// What a function of `string` says in a state with our functions, and in one with Lua's.
fn answers(function: &str, text: &str, pattern: &str) -> [Result<String, String>; 2] {
    let call = match function {
        "gmatch" => {
            "local r = {} for a, b in text:gmatch(pattern) do r[#r + 1] = tostring(a) .. '|' .. tostring(b) end return table.concat(r, ';')"
        }
        "gsub" => "return table.concat({text:gsub(pattern, '<%0>')}, ';')",
        _ => "local r = {text:find(pattern)} for i = 1, 6 do r[i] = tostring(r[i]) end return table.concat(r, ';')",
    };
    let run = |ours: bool| {
        let lua = mlua::Lua::new();
        if ours {
            let string: mlua::Table = lua.globals().get("string").unwrap();
            super::super::strings::guard(&lua, &string, &super::super::Budget::new(crate::Limits::default()).into())
                .unwrap();
        }
        lua.globals().set("text", text).unwrap();
        lua.globals().set("pattern", pattern).unwrap();
        lua.load(call).eval::<String>().map_err(|error| error.to_string())
    };
    [run(true), run(false)]
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 2000, ..Default::default() })]

    #[test]
    fn any_pattern_is_answered_as_lua_does(
        pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..7),
        text in "[ab()1%^-]{0,8}",
        function in proptest::sample::select(&["find", "gmatch", "gsub"][..]),
    ) {
        let pattern = pieces.concat();
        let [ours, theirs] = answers(function, &text, &pattern);
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => proptest::prop_assert_eq!(ours, theirs),
            (Err(_), Err(_)) => {}
            // We read a pattern in full before the first match, Lua as far as it gets.
            (Err(ours), Ok(_)) => {
                proptest::prop_assert!(Pattern::new(pattern.as_bytes(), true).is_err() || ours.contains("malformed"), "{}", ours);
            }
            (Ok(ours), Err(theirs)) => proptest::prop_assert!(false, "{} but {}", ours, theirs),
        }
    }
}
