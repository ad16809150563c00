//! Which hosts a component may call: `allowed_outbound_hosts`, with Spin's syntax and meaning.

use std::net::IpAddr;
use std::ops::Range;

use http::Uri;

/// `scheme://host[:port]`, with `*` for any scheme, host, subdomain or port.
#[derive(Debug, PartialEq, Eq)]
struct AllowedHost {
    scheme: Option<String>,
    host: Host,
    port: Port,
}

#[derive(Debug, PartialEq, Eq)]
enum Host {
    Any,
    /// `.example.com`, for `*.example.com`.
    Subdomain(String),
    /// The application itself.
    Own,
    Name(String),
    Network(IpAddr, u8),
}

#[derive(Debug, PartialEq, Eq)]
enum Port {
    Any,
    Range(Range<u32>),
}

/// The hosts that a component may call.
#[derive(Debug, Default)]
pub(crate) struct AllowedHosts(Vec<AllowedHost>);

impl AllowedHosts {
    /// Reads the entries of `allowed_outbound_hosts`, templates already replaced.
    pub(crate) fn parse(entries: &[String]) -> Result<Self, String> {
        if let [only] = entries
            && only == "insecure:allow-all"
        {
            return Err(
                "'insecure:allow-all' is not allowed, use '*://*:*' to allow all outbound traffic".into()
            );
        }
        entries.iter().map(|entry| AllowedHost::parse(entry)).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a component may call an absolute URL.
    pub(crate) fn allow(&self, url: &Uri) -> bool {
        let (Some(scheme), Some(host)) = (url.scheme_str(), url.host()) else { return false };
        let host = host.to_ascii_lowercase();
        let Some(port) = url.port_u16().or_else(|| well_known_port(scheme)) else { return false };
        self.0.iter().any(|allowed| allowed.allows(scheme, &host, port))
    }

    /// Whether a component may call its own application.
    pub(crate) fn allow_self(&self) -> bool {
        self.0.iter().any(|allowed| {
            matches!(allowed.host, Host::Any | Host::Own)
                && allowed.scheme.as_deref().is_none_or(|scheme| matches!(scheme, "http" | "https"))
        })
    }
}

impl AllowedHost {
    fn parse(entry: &str) -> Result<Self, String> {
        let url = entry.trim();
        let (scheme, rest) = url.split_once("://").ok_or_else(|| {
            format!("{url:?} does not contain a scheme, write <scheme>://<host>[:<port>] (e.g., 'http://' or '*://')")
        })?;
        let (host, rest) = rest.rsplit_once(':').unwrap_or((rest, ""));
        let port = match rest.split_once('/') {
            Some((_, path)) if !path.is_empty() => {
                return Err(format!("{url:?} has a path but is not allowed to"));
            }
            Some((port, _)) => port,
            None => rest,
        };
        let port = Port::parse(port, scheme).map_err(|what| format!("{url:?}: {what}"))?;
        let host = Host::parse(host).map_err(|what| format!("{url:?}: {what}"))?;
        let scheme = match scheme {
            "*" => None,
            name if !name.is_empty() && name.chars().all(char::is_alphabetic) => Some(name.to_owned()),
            name => return Err(format!("{url:?}: scheme {name:?} is not alphabetic")),
        };
        Ok(Self { scheme, host, port })
    }

    fn allows(&self, scheme: &str, host: &str, port: u16) -> bool {
        self.scheme.as_deref().is_none_or(|allowed| allowed == scheme)
            && self.host.allows(host)
            && self.port.allows(port)
    }
}

impl Host {
    fn parse(host: &str) -> Result<Self, String> {
        let host = host.trim();
        if host == "*" {
            return Ok(Self::Any);
        }
        if host == "self" || host == "self.alt" {
            return Ok(Self::Own);
        }
        if host.starts_with('{') {
            return Err("host lists are not supported".into());
        }
        if let Some(network) = parse_network(host) {
            return Ok(network);
        }
        if host.split('/').nth(1).is_some_and(|path| !path.is_empty()) {
            return Err("hosts must not contain paths".into());
        }
        let (subdomain, name) = match host.strip_prefix("*.") {
            Some(domain) => (true, domain),
            None => (false, host.trim_end_matches('/')),
        };
        if name.contains('*') {
            return Err(format!("{host:?}: a wildcard is allowed only as the first label"));
        }
        if name.is_empty() {
            return Err("the host is missing".into());
        }
        Ok(if subdomain { Self::Subdomain(format!(".{name}")) } else { Self::Name(name.to_owned()) })
    }

    fn allows(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Own => false,
            Self::Subdomain(suffix) => host.ends_with(suffix),
            Self::Name(name) => name == host,
            Self::Network(network, bits) => {
                let host = host.trim_start_matches('[').trim_end_matches(']');
                host.parse().is_ok_and(|address| masked(address, *bits) == Some(*network))
            }
        }
    }
}

impl Port {
    fn parse(port: &str, scheme: &str) -> Result<Self, String> {
        let number = |text: &str| {
            text.parse::<u16>().map(u32::from).map_err(|_| format!("port {port:?} is not a number"))
        };
        if port == "*" {
            return Ok(Self::Any);
        }
        let range = match port.split_once("..") {
            Some((start, end)) => number(start)?..number(end)?,
            None if port.is_empty() => {
                let port = well_known_port(scheme).map(u32::from).ok_or_else(|| {
                    format!("no port was provided and the scheme {scheme:?} does not have a known default port number")
                })?;
                port..port + 1
            }
            None => {
                let port = number(port)?;
                port..port + 1
            }
        };
        Ok(Self::Range(range))
    }

    fn allows(&self, port: u16) -> bool {
        match self {
            Self::Any => true,
            Self::Range(range) => range.contains(&u32::from(port)),
        }
    }
}

/// An address, or a network as `address/bits`.
fn parse_network(text: &str) -> Option<Host> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits.parse().ok()?)),
        None => (text, None),
    };
    let address: IpAddr = address.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
    let bits = bits.unwrap_or(if address.is_ipv4() { 32 } else { 128 });
    Some(Host::Network(masked(address, bits)?, bits))
}

/// The first bits of an address, unless it has fewer.
fn masked(address: IpAddr, bits: u8) -> Option<IpAddr> {
    let bits = u32::from(bits);
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32_u32.checked_sub(bits)?).unwrap_or(0);
            Some(IpAddr::V4((u32::from(address) & mask).into()))
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128_u32.checked_sub(bits)?).unwrap_or(0);
            Some(IpAddr::V6((u128::from(address) & mask).into()))
        }
    }
}

fn well_known_port(scheme: &str) -> Option<u16> {
    match scheme {
        "postgres" => Some(5432),
        "mysql" => Some(3306),
        "redis" => Some(6379),
        "mqtt" => Some(1883),
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

/// The component that a `<component>.spin.internal` URL names.
pub(crate) fn chained_component(url: &Uri) -> Option<&str> {
    let (component, domain) = url.host()?.split_once('.')?;
    (domain == "spin.internal").then_some(component)
}

#[cfg(test)]
mod tests;
