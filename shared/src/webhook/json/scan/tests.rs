//! The scanner against `serde_json`.

use std::borrow::Cow;
use std::fmt;

use proptest::prelude::*;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Flaw, items, members, unescape};

/// Members as `serde_json` splits them.
struct Members<'a>(Vec<(String, &'a str)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
                    members.push((name, value.get()));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}

/// Both must take the text for valid, or neither; and then they must split it alike.
#[track_caller]
fn check(text: &str) {
    let ours = members(text);
    match (&ours, serde_json::from_str::<Members<'_>>(text)) {
        (Ok(ours), Ok(theirs)) => {
            let theirs: Vec<_> =
                theirs.0.into_iter().map(|(name, value)| (Cow::Owned(name), value)).collect();
            assert_eq!(*ours, theirs, "{text}");
        }
        (Err(Flaw::Depth), _) => assert!(text.matches(['[', '{']).count() > 60, "{text}"),
        (Err(Flaw::Kind), Err(_)) => assert!(serde_json::from_str::<&RawValue>(text).is_ok(), "{text}"),
        (Err(Flaw::Syntax(_)), Err(_)) => {}
        (ours, theirs) => {
            panic!("{text:?}: we say {ours:?}, serde_json says {:?}", theirs.map(|theirs| theirs.0))
        }
    }
    match (items(text, usize::MAX), serde_json::from_str::<Vec<&RawValue>>(text)) {
        (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs.iter().map(|item| item.get()).collect::<Vec<_>>()),
        (Err(Flaw::Depth), _) | (Err(_), Err(_)) => {}
        (ours, theirs) => panic!("{text:?}: we say {ours:?}, serde_json says {theirs:?}"),
    }
    if let Ok(theirs) = serde_json::from_str::<String>(text) {
        assert_eq!(unescape(text.trim_matches([' ', '\n', '\r', '\t'])), Some(Cow::Owned(theirs)));
    }
}

#[test]
fn valid_and_not() {
    for text in [
        "{}",
        " {\n} ",
        "[]",
        "[ ]",
        r#"{"a":1}"#,
        r#"{"a":1,"a":null}"#,
        r#"{"a" : [ 1 , {"b":[]} ] , "c":"d"}"#,
        r#"{"a":}"#,
        r#"{"a"}"#,
        r#"{"a":1,}"#,
        r#"{,"a":1}"#,
        r#"{"a":1 "b":2}"#,
        "{a:1}",
        "{'a':1}",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1",
        "]",
        "{",
        "}",
        "{]",
        "[}",
        "",
        " ",
        "null",
        "nul",
        "nulll",
        "true",
        "false",
        "True",
        "0",
        "-0",
        "00",
        "01",
        "-",
        "+1",
        "1.",
        ".5",
        "1.5",
        "1e5",
        "1E+5",
        "1e",
        "1e+",
        "-1.5e-10",
        "1e999",
        "0x10",
        "NaN",
        "Infinity",
        "1_000",
        r#""""#,
        r#""a"#,
        r#""\""#,
        r#""\"""#,
        r#""\x""#,
        r#""\u00e9""#,
        r#""\u00e""#,
        r#""\ud83e\udd8a""#,
        r#""\ud83e""#,
        r#""\udd8a""#,
        r#""\ud83e\u0041""#,
        r#""\ud83ex""#,
        r#""\u+041""#,
        "\"\t\"",
        "\"\u{7f}\"",
        "\"ü🦊\"",
        r#"{"\ud83e":1}"#,
        r#"{"\u0061":1}"#,
        "{}{}",
        "{} x",
        "/* */{}",
        "\u{feff}{}",
        "\u{a0}{}",
        "{\"a\":1}\0",
        "[\"a\u{0}\"]",
        r#"["\/\b\f\n\r\t\\"]"#,
        "{\u{b}}",
    ] {
        check(text);
    }
}

#[test]
fn depth_has_an_end() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(items(&nested(64), 9).is_ok());
    assert_eq!(items(&nested(65), 9), Err(Flaw::Depth));
    assert_eq!(items(&"[".repeat(1_000_000), 9), Err(Flaw::Depth));
    assert_eq!(members(&format!(r#"{{"a":{}}}"#, nested(1_000_000))), Err(Flaw::Depth));
}

#[test]
fn long_lists_are_cut() {
    assert_eq!(items("[1,2,3]", 2), Ok(vec!["1", "2"]));
    assert_eq!(items("[1,2,x]", 2), Err(Flaw::Syntax(5)));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((any::<String>(), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_serde_json_writes(value in any_json(), pretty in any::<bool>()) {
        check(&if pretty { format!("{value:#}") } else { value.to_string() });
    }

    #[test]
    fn valid_json_with_a_few_characters_changed(
        value in any_json(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), "[\\[\\]{}\",:\\\\u0-9a-f.eE+ \n-]{0,2}"), 1..4),
    ) {
        let mut text: Vec<char> = value.to_string().chars().collect();
        for (place, with) in changes {
            let at = place.index(text.len().max(1)).min(text.len());
            let end = (at + 1).min(text.len());
            text.splice(at..end, with.chars());
        }
        check(&text.into_iter().collect::<String>());
    }

    #[test]
    fn text_made_of_the_characters_of_json(text in "[\\[\\]{}\",:\\\\utrfalsen0-9.eE+ -]{0,24}") {
        check(&text);
    }
}
