use super::*;

const HEAD: &str = "spin_manifest_version = 2\napplication = { name = 'app', version = '1.0.0' }\n";

fn parse(body: &str) -> Result<Manifest, String> {
    Manifest::parse(Path::new("app/spin.toml"), &format!("{HEAD}{body}"))
}

#[track_caller]
fn check_error(body: &str, expected: &str) {
    let error = parse(body).unwrap_err();
    assert!(error.contains(expected), "{error:?} should contain {expected:?}");
}

#[test]
fn several_triggers_may_lead_to_a_component() {
    let manifest = parse(
        r#"
        [[trigger.http]]
        route = "/a"
        component = "one"
        [[trigger.http]]
        route = "/b/..."
        component = "one"
        [[trigger.http]]
        route = { private = true }
        component = "two"
        [[trigger.http]]
        id = "third"
        route = "/c"
        component = { source = "three.wasm" }
        [[trigger.cron]]
        cron_expression = "x"
        component = "one"
        [component.one]
        source = "one.wasm"
        key_value_stores = ["default"]
        variables = { a = "{{ b }}" }
        build = { command = "make" }
        [component.two]
        source = "two.wasm"
        files = ["a/**", { source = "b", destination = "/c" }]
        [component.unused]
        source = "unused.wasm"
        "#,
    )
    .unwrap();
    let routes: Vec<_> = manifest.routes.iter().map(|(path, id)| (path.as_str(), id.as_str())).collect();
    assert_eq!(routes, [("/a", "one"), ("/b/...", "one"), ("/c", "third-component")]);
    assert_eq!(manifest.components.keys().collect::<Vec<_>>(), ["one", "third-component", "two"]);
    assert_eq!(manifest.components["one"].key_value_stores, ["default"]);
    assert_eq!(manifest.components["two"].files.len(), 2);
    assert_eq!(manifest.folder(), Path::new("app"));
    assert_eq!(manifest.warnings.len(), 2);
}

#[test]
fn errors_name_the_key_and_what_to_do() {
    let trigger = "[[trigger.http]]\nroute = '/a'\ncomponent = 'one'\n";
    check_error("", "nothing to serve");
    check_error(trigger, "[[trigger.http]] number 1: component \"one\" is not defined, add [component.one]");
    check_error("[[trigger.http]]\ncomponent = 'one'\n", "[[trigger.http]] number 1: missing field `route`");
    check_error(
        "[[trigger.http]]\nroute = { private = false }\ncomponent = { source = 'a' }\n",
        "route must be a path or { private = true }",
    );
    check_error(
        "[[trigger.http]]\nroute = '/'\nexecutor = { type = 'wagi' }\ncomponent = { source = 'a' }\n",
        "executor type \"wagi\" is not supported",
    );
    check_error(
        &format!("{trigger}[component.one]\nsource = {{ url = 'x' }}"),
        "[component.one] source must be a file",
    );
    check_error(
        &format!("{trigger}[component.one]\nsource = 'a'\nsqlite_databases = ['default']"),
        "[component.one] sqlite_databases is not supported by this host",
    );
    check_error("[variables]\na = {}\n", "[variables] a needs `default = \"...\"` or `required = true`");
    check_error("[variables]\nA = { default = '' }\n", "[variables] \"A\": invalid character");
    check_error("[variables]\na = { defualt = '' }\n", "unknown field `defualt`");
    check_error("surprise = 1\n", "unknown field `surprise`");
    let old =
        Manifest::parse(Path::new("spin.toml"), "spin_manifest_version = 1\napplication = { name = 'a' }\n");
    assert!(old.unwrap_err().contains("must be 2"));
}

#[test]
fn syntax_errors_name_the_line() {
    check_error("[variables\n", "line 3");
}
