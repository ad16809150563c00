use super::*;

/// Each route leads to a component of its own name.
#[track_caller]
fn check(routes: &[&str], path: &str, expected: Option<(&str, &str)>) {
    let (built, _) = Router::new(routes.iter().map(|route| (*route, *route))).unwrap();
    let found = built.find(path).map(|found| (found.component, found.path_info));
    assert_eq!(found.as_ref().map(|(component, info)| (component.as_str(), info.as_str())), expected);
}

#[test]
fn exact_routes_match_whole_paths() {
    check(&["/a", "/a/b"], "/a", Some(("/a", "")));
    check(&["/a", "/a/b"], "/a/b", Some(("/a/b", "")));
    check(&["/a"], "/a/", Some(("/a", "")));
    check(&["/a"], "/ab", None);
    check(&["/a"], "/a/b", None);
    check(&["/a"], "/", None);
    check(&["/"], "/", Some(("/", "")));
    check(&["a"], "/a", Some(("a", "")));
}

#[test]
fn wildcards_match_their_base_and_everything_below() {
    check(&["/a/..."], "/a", Some(("/a/...", "")));
    check(&["/a/..."], "/a/", Some(("/a/...", "/")));
    check(&["/a/..."], "/a/b/c", Some(("/a/...", "/b/c")));
    check(&["/a/..."], "/a/b/", Some(("/a/...", "/b/")));
    check(&["/a/..."], "/ab", None);
    check(&["/..."], "/", Some(("/...", "/")));
    check(&["/..."], "/x/y", Some(("/...", "/x/y")));
}

#[test]
fn the_more_specific_route_wins_in_any_order() {
    for routes in [["/...", "/a/...", "/a/b", "/a/:id"], ["/a/:id", "/a/b", "/a/...", "/..."]] {
        check(&routes, "/a/b", Some(("/a/b", "")));
        check(&routes, "/a/c", Some(("/a/:id", "")));
        check(&routes, "/a/c/d", Some(("/a/...", "/c/d")));
        check(&routes, "/b", Some(("/...", "/b")));
    }
}

#[test]
fn named_segments_are_captured() {
    let (router, _) = Router::new([("/users/:id/...", "users")]).unwrap();
    let found = router.find("/users/42/orders").unwrap();
    assert_eq!(found.parameters, [("id".to_owned(), "42".to_owned())]);
    assert_eq!(found.path_info, "/orders");
    assert_eq!((found.raw.as_str(), without_wildcard(&found.raw)), ("/users/:id/...", "/users/:id"));
}

#[test]
fn of_two_equal_routes_the_later_wins() {
    let (router, replaced) = Router::new([("/a", "first"), ("/a", "second")]).unwrap();
    assert_eq!(router.find("/a").unwrap().component, "second");
    assert_eq!(replaced, ["/a of first (now second)"]);
}
