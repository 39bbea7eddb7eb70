//! Under which addresses and names the port is reached: what is printed, what the certificate names, and which hosts
//! plain requests may name. It must not know what is served.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Names of this machine for itself.
const LOOPBACK: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

/// The hosts of one listening address.
#[derive(Clone, Debug)]
pub(crate) struct Hosts {
    listening: SocketAddr,
    /// The machine's name; only where other machines may connect.
    hostname: Option<String>,
}

impl Hosts {
    /// The hosts of the address listened on, on a machine of this name.
    pub(crate) fn new(listening: SocketAddr, hostname: Option<String>) -> Self {
        Self { listening, hostname: hostname.filter(|_| !listening.ip().is_loopback()) }
    }

    /// The address that people and clients on this machine connect to.
    pub(crate) fn address(&self) -> SocketAddr {
        let ip = match self.listening.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        SocketAddr::new(ip, self.listening.port())
    }

    /// The names and addresses of the certificate.
    pub(crate) fn certified(&self) -> Vec<String> {
        let own = self.address().ip().to_string();
        let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
        names.extend(self.hostname.clone());
        if !names.contains(&own) {
            names.push(own);
        }
        names
    }

    /// Whether a plain request may name this host, which is without a port. Where other machines may connect, every
    /// address may be one of ours; it takes a name, not an address, to bring a web page here (DNS rebinding).
    pub(crate) fn contains(&self, host: &str) -> bool {
        if LOOPBACK.iter().chain(&self.hostname.as_deref()).any(|name| name.eq_ignore_ascii_case(host)) {
            return true;
        }
        literal(host).is_some_and(|ip| ip == self.listening.ip() || !self.listening.ip().is_loopback())
    }
}

/// The hosts to use instead, for people.
impl std::fmt::Display for Hosts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&LOOPBACK.join(" or "))?;
        if let Some(hostname) = &self.hostname {
            write!(f, " or {hostname}")?;
        }
        if !self.listening.ip().is_loopback() {
            f.write_str(" or an address of this machine")?;
        }
        Ok(())
    }
}

/// The address that the host of a URL is, if it is one: IPv6 in brackets (RFC 3986, section 3.2.2).
fn literal(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(ip) => ip.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

/// The machine's name, where it tells one that can be part of a certificate.
pub(crate) fn hostname() -> Option<String> {
    let file = std::fs::read_to_string("/etc/hostname").ok();
    let name = file.filter(|name| !name.trim().is_empty()).or_else(|| std::env::var("HOSTNAME").ok())?;
    dns_name(name.trim())
}

fn dns_name(name: &str) -> Option<String> {
    let letters = |label: &str| label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let known = name.len() <= 253 && name.split('.').all(|label| !label.is_empty() && letters(label));
    (known && literal(name).is_none()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(listening: &str) -> Hosts {
        Hosts::new(listening.parse().unwrap(), Some("build-7".to_owned()))
    }

    #[test]
    fn an_unspecified_address_is_reached_by_loopback() {
        assert_eq!(hosts("0.0.0.0:7443").address().to_string(), "127.0.0.1:7443");
        assert_eq!(hosts("[::]:7443").address().to_string(), "[::1]:7443");
        assert_eq!(hosts("10.1.2.3:7443").address().to_string(), "10.1.2.3:7443");
    }

    #[test]
    fn the_certificate_names_what_can_be_connected_to() {
        assert_eq!(hosts("127.0.0.1:1").certified(), ["localhost", "127.0.0.1", "::1"]);
        assert_eq!(hosts("0.0.0.0:1").certified(), ["localhost", "127.0.0.1", "::1", "build-7"]);
        assert_eq!(hosts("10.1.2.3:1").certified(), ["localhost", "127.0.0.1", "::1", "build-7", "10.1.2.3"]);
    }

    #[test]
    fn the_machine_name_is_one_of_the_dns() {
        assert_eq!(dns_name("build-7.example.com").as_deref(), Some("build-7.example.com"));
        for other in ["", "a..b", "a b", "é", "10.1.2.3", "(none)"] {
            assert_eq!(dns_name(other), None, "{other}");
        }
    }
}
