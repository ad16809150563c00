use super::*;

#[track_caller]
fn check(entry: &str, allowed: &[&str], denied: &[&str]) {
    let hosts = AllowedHosts::parse(&[entry.to_owned()]).unwrap();
    for url in allowed {
        assert!(hosts.allow(&url.parse().unwrap()), "{entry} should allow {url}");
    }
    for url in denied {
        assert!(!hosts.allow(&url.parse().unwrap()), "{entry} should deny {url}");
    }
}

#[test]
fn entries_allow_what_they_say() {
    check(
        "https://api.example.com",
        &["https://api.example.com/x", "https://api.example.com:443/", "https://API.example.com/"],
        &[
            "http://api.example.com/",
            "https://api.example.com:8443/",
            "https://example.com/",
            "https://x.api.example.com/",
        ],
    );
    check("https://api.example.com/", &["https://api.example.com/x"], &[]);
    check(
        "http://127.0.0.1:*",
        &["http://127.0.0.1:3000/", "http://127.0.0.1/"],
        &["http://127.0.0.2:3000/"],
    );
    check(
        "http://127.0.0.1:3000",
        &["http://127.0.0.1:3000/a?b"],
        &["http://127.0.0.1/", "http://127.0.0.1:3001/"],
    );
    check("http://127.0.0.0/8:*", &["http://127.9.9.9:1/"], &["http://128.0.0.1:1/", "http://localhost:1/"]);
    check(
        "https://*.example.com",
        &["https://a.example.com/", "https://a.b.example.com/"],
        &["https://example.com/", "https://evilexample.com/", "https://a.example.com.evil.org/"],
    );
    check("*://*:*", &["http://a/", "https://b:1/"], &[]);
    check("https://*", &["https://a/"], &["http://a/", "https://a:1/"]);
    check(
        "http://example.com:8000..8010",
        &["http://example.com:8000/", "http://example.com:8009/"],
        &["http://example.com:8010/"],
    );
    check(
        "http://dispatch.spin.internal",
        &["http://dispatch.spin.internal/dispatch"],
        &["http://outbox.spin.internal/"],
    );
    check("http://*.spin.internal", &["http://dispatch.spin.internal/dispatch"], &[]);
    check("http://self", &[], &["http://self/", "http://127.0.0.1:3000/"]);
}

#[test]
fn own_application() {
    for (entry, expected) in [
        ("http://self", true),
        ("https://self.alt", true),
        ("*://*:*", true),
        ("http://a", false),
        ("redis://self", false),
    ] {
        assert_eq!(AllowedHosts::parse(&[entry.to_owned()]).unwrap().allow_self(), expected, "{entry}");
    }
}

#[test]
fn malformed_entries_are_refused() {
    for entry in [
        "",
        "*",
        "example.com",
        "http://",
        "http://a/path",
        "http://a:1/path",
        "http://a:b",
        "http://a.*.b",
        "http://*.*.b",
        "ht-tp://a",
        "other://a",
        "http://{a,b}",
        "insecure:allow-all",
    ] {
        assert!(AllowedHosts::parse(&[entry.to_owned()]).is_err(), "{entry}");
    }
}

#[test]
fn chained_components() {
    for (url, expected) in [
        ("http://dispatch.spin.internal/x", Some("dispatch")),
        ("http://dispatch.spin.internal:80/x", Some("dispatch")),
        ("http://a.b.spin.internal/", None),
        ("http://spin.internal/", None),
        ("http://dispatch.spin.internal.example.com/", None),
    ] {
        assert_eq!(chained_component(&url.parse().unwrap()), expected, "{url}");
    }
}
