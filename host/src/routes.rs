//! Which component answers a path. Built on the router crate that Spin itself uses, so that precedence is the same:
//! an exact segment before a parameter, a parameter before a wildcard, the longer prefix before the shorter.

use routefinder::{Match, RouteSpec};

/// The routes of an application.
#[derive(Debug)]
pub(crate) struct Router(routefinder::Router<Route>);

#[derive(Debug)]
struct Route {
    component: String,
    /// As in the manifest.
    raw: String,
    /// With a leading and without a trailing slash.
    based: String,
}

/// How a request came to its component. Spin tells the component in request headers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Matched {
    pub(crate) component: String,
    pub(crate) raw: String,
    pub(crate) based: String,
    /// What a trailing wildcard matched, with a leading slash, or nothing.
    pub(crate) path_info: String,
    /// Named segments and their values.
    pub(crate) parameters: Vec<(String, String)>,
}

impl Matched {
    /// A call from one component to another: any path, as if routed by `/...`.
    pub(crate) fn chained(component: &str, path: &str) -> Self {
        Self {
            component: component.to_owned(),
            raw: "/...".to_owned(),
            based: "/...".to_owned(),
            path_info: path.to_owned(),
            parameters: Vec::new(),
        }
    }
}

/// The route without its trailing wildcard.
pub(crate) fn without_wildcard(route: &str) -> &str {
    route.strip_suffix("/...").unwrap_or(route)
}

impl Router {
    /// Builds a router from routes and the component each leads to. Of two that are the same the later wins, and the
    /// earlier is returned.
    pub(crate) fn new<'a>(
        routes: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(Self, Vec<String>), String> {
        let mut unique: Vec<(&str, &str)> = Vec::new();
        let mut replaced = Vec::new();
        for (raw, component) in routes {
            match unique.iter_mut().find(|(other, _)| *other == raw) {
                Some(other) => {
                    replaced.push(format!("{raw} of {} (now {component})", other.1));
                    other.1 = component;
                }
                None => unique.push((raw, component)),
            }
        }
        let mut table = routefinder::Router::new();
        for (raw, component) in unique {
            let based = format!("/{}", raw.strip_prefix('/').unwrap_or(raw));
            let based = based.strip_suffix('/').unwrap_or(&based).to_owned();
            let spec = match based.strip_suffix("/...") {
                Some(prefix) => format!("{prefix}/*"),
                None => based.clone(),
            };
            let spec: RouteSpec = spec.parse().map_err(|error| format!("route {raw:?}: {error}"))?;
            let route = Route { component: component.to_owned(), raw: raw.to_owned(), based };
            table.add(spec, route).map_err(|error| format!("route {raw:?}: {error}"))?;
        }
        Ok((Self(table), replaced))
    }

    /// All routes, as in the manifest.
    pub(crate) fn routes(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(_, route)| route.raw.as_str())
    }

    /// The route for a path.
    pub(crate) fn find(&self, path: &str) -> Option<Matched> {
        let best = self.0.best_match(path)?;
        let route = best.handler();
        Some(Matched {
            component: route.component.clone(),
            raw: route.raw.clone(),
            based: route.based.clone(),
            path_info: path_info(path, &best),
            parameters: best.captures().iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
        })
    }
}

/// What the trailing wildcard matched. Spin keeps a trailing slash, which the router drops.
fn path_info(path: &str, best: &Match<'_, '_, Route>) -> String {
    let captures = best.captures();
    let Some(rest) = captures.wildcard() else { return String::new() };
    match (rest.is_empty(), path.ends_with('/')) {
        (true, false) => String::new(),
        (true, true) => "/".to_owned(),
        (false, false) => format!("/{rest}"),
        (false, true) => format!("/{rest}/"),
    }
}

#[cfg(test)]
mod tests;
