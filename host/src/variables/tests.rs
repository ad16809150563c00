use super::*;

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn resolve(
    definitions: &[(&str, Option<&str>)],
    given: &[(&str, &str)],
    environment: &[(&str, &str)],
    dot_env: &[(&str, &str)],
) -> Result<Values, StartError> {
    let definitions = definitions
        .iter()
        .map(|(name, default)| ((*name).to_owned(), VariableDefinition::new(default.map(str::to_owned))))
        .collect();
    let given = pairs(given);
    let sources = Sources {
        given: &given,
        environment: pairs(environment).into_iter().collect(),
        dot_env: pairs(dot_env).into_iter().collect(),
    };
    Values::resolve(&definitions, &sources)
}

#[track_caller]
fn check_value(
    given: &[(&str, &str)],
    environment: &[(&str, &str)],
    dot_env: &[(&str, &str)],
    expected: &str,
) {
    let values = resolve(&[("shop_id", Some("default"))], given, environment, dot_env).unwrap();
    assert_eq!(values.render("{{ shop_id }}").unwrap(), expected);
}

#[test]
fn sources_go_before_each_other_as_in_spin() {
    check_value(&[], &[], &[], "default");
    check_value(&[], &[], &[("SPIN_VARIABLE_SHOP_ID", "file")], "file");
    check_value(&[], &[("SPIN_VARIABLE_SHOP_ID", "env")], &[("SPIN_VARIABLE_SHOP_ID", "file")], "env");
    check_value(&[("shop_id", "arg")], &[("SPIN_VARIABLE_SHOP_ID", "env")], &[], "arg");
    check_value(&[("shop_id", "arg"), ("shop_id", "last")], &[], &[], "last");
    check_value(&[], &[("SHOP_ID", "no prefix")], &[("shop_id", "lower")], "default");
    check_value(&[], &[("SPIN_VARIABLE_SHOP_ID", "")], &[], "");
}

#[test]
fn all_missing_variables_are_named_at_once() {
    let error = resolve(&[("a", None), ("b", Some("")), ("c", None)], &[], &[], &[]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no value for required variables a, c: set SPIN_VARIABLE_A, SPIN_VARIABLE_C in the environment or in .env, \
         or pass --variable a=<value>"
    );
}

#[track_caller]
fn check_template(template: &str, expected: Result<&str, &str>) {
    let values = resolve(&[("a", Some("1")), ("b", Some("{{ a }}"))], &[], &[], &[]).unwrap();
    assert_eq!(values.render(template).as_deref().map_err(String::as_str), expected);
}

#[test]
fn templates() {
    check_template("", Ok(""));
    check_template("plain", Ok("plain"));
    check_template("x-{{ a }}-y", Ok("x-1-y"));
    check_template("{{a}}{{  a  }}", Ok("11"));
    // A value is not a template.
    check_template("{{ b }}", Ok("{{ a }}"));
    check_template("a }} b", Ok("a }} b"));
    check_template("{{ a", Err("unmatched '{{' in \"{{ a\""));
    check_template("{{ c }}", Err("unknown variable \"c\" in \"{{ c }}\""));
}

#[test]
fn names() {
    for good in ["a", "abc", "a1b2c3", "a_1", "a_1_b_3"] {
        assert_eq!(check_name(good), Ok(()));
    }
    for bad in ["", "aX", "1bc", "_x", "x.y", "x_", "a__b", "x-y"] {
        assert!(check_name(bad).is_err(), "{bad}");
    }
}

#[test]
fn arguments() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file.display().to_string()
    };
    let check = |argument: &str, expected: Option<&[(&str, &str)]>| {
        assert_eq!(parse_argument(argument).ok(), expected.map(pairs), "{argument}");
    };
    check("a=b=c", Some(&[("a", "b=c")]));
    check("a=", Some(&[("a", "")]));
    check("a", None);
    check("A=b", None);
    check(&format!("a=@{}", write("a.txt", "text\n")), Some(&[("a", "text\n")]));
    check(&format!("@{}", write("v.toml", "a = '1'\nb = '2'")), Some(&[("a", "1"), ("b", "2")]));
    check(&format!("@{}", write("v.json", r#"{"a": "1"}"#)), Some(&[("a", "1")]));
    check(&format!("@{}", write("v.json", r#"{"a": 1}"#)), None);
    check("@v.yaml", None);
    check("@missing.toml", None);
}

#[test]
fn dot_env_files() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(".env");
    assert!(read_dot_env(&file).unwrap().is_empty());
    std::fs::write(&file, "# comment\nSPIN_VARIABLE_A='x y'\nexport SPIN_VARIABLE_B=whsec_a+/=\n").unwrap();
    assert_eq!(read_dot_env(&file).unwrap()["SPIN_VARIABLE_A"], "x y");
    assert_eq!(read_dot_env(&file).unwrap()["SPIN_VARIABLE_B"], "whsec_a+/=");
    std::fs::write(&file, "SPIN_VARIABLE_A=two secret words\n").unwrap();
    let error = read_dot_env(&file).unwrap_err().to_string();
    assert!(error.contains(".env") && !error.contains("secret"), "{error}");
}
