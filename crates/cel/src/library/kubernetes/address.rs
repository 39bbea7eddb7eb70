//! IP addresses and CIDR ranges: `cidr('10.0.0.0/8').containsIP('10.1.2.3')`.
//! It must not resolve names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use cel::common::types::{CelInt, CelString, STRING_TYPE, Type};
use cel::common::value::CowVal;
use cel::{DeclarationError, Env, ExecutionError};

use super::super::{failed, text};
use super::{Content, boolean, content, opaque};

static IP: Type = Type::new_unspecified_type("net.IP");
static CIDR: Type = Type::new_unspecified_type("net.CIDR");

impl Content for IpAddr {
    fn cel_type() -> &'static Type {
        &IP
    }
}

/// An address and how many bits of it name the network.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Range {
    address: IpAddr,
    bits: u8,
}

impl Content for Range {
    fn cel_type() -> &'static Type {
        &CIDR
    }
}

pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_type(IP.to_owned())?;
    env.add_type(CIDR.to_owned())?;
    addresses(env)?;
    ranges(env)
}

fn addresses(env: &mut Env) -> Result<(), DeclarationError> {
    let own = || IP.to_owned();
    env.add_overload("ip", "string_to_ip", vec![STRING_TYPE], |args| opaque(parse(&text("ip", &args, 0)?)?))?;
    env.add_overload("isIP", "is_ip", vec![STRING_TYPE], |args| boolean(parse(&text("isIP", &args, 0)?).is_ok()))?;
    env.add_overload("ip.isCanonical", "ip_is_canonical", vec![STRING_TYPE], |args| {
        let text = text("ip.isCanonical", &args, 0)?;
        boolean(parse(&text)?.to_string() == text)
    })?;
    env.add_overload("string", "ip_to_string", vec![own()], |args| {
        Ok(CowVal::owned(CelString::from(content::<IpAddr>(&args, 0)?.to_string())))
    })?;
    env.add_member_overload("family", "ip_family", own(), vec![], |args| {
        Ok(CowVal::owned(CelInt::from(if content::<IpAddr>(&args, 0)?.is_ipv4() { 4 } else { 6 })))
    })?;
    env.add_member_overload("isUnspecified", "ip_is_unspecified", own(), vec![], |args| {
        boolean(content::<IpAddr>(&args, 0)?.is_unspecified())
    })?;
    env.add_member_overload("isLoopback", "ip_is_loopback", own(), vec![], |args| {
        boolean(content::<IpAddr>(&args, 0)?.is_loopback())
    })?;
    env.add_member_overload("isLinkLocalMulticast", "ip_is_llm", own(), vec![], |args| {
        boolean(is_link_local_multicast(content(&args, 0)?))
    })?;
    env.add_member_overload("isLinkLocalUnicast", "ip_is_llu", own(), vec![], |args| {
        boolean(is_link_local_unicast(content(&args, 0)?))
    })?;
    env.add_member_overload("isGlobalUnicast", "ip_is_gu", own(), vec![], |args| {
        boolean(is_global_unicast(content(&args, 0)?))
    })
}

fn ranges(env: &mut Env) -> Result<(), DeclarationError> {
    let own = || CIDR.to_owned();
    env.add_overload("cidr", "string_to_cidr", vec![STRING_TYPE], |args| {
        opaque(parse_range(&text("cidr", &args, 0)?)?)
    })?;
    env.add_overload("isCIDR", "is_cidr", vec![STRING_TYPE], |args| {
        boolean(parse_range(&text("isCIDR", &args, 0)?).is_ok())
    })?;
    env.add_overload("string", "cidr_to_string", vec![own()], |args| {
        let Range { address, bits } = content(&args, 0)?;
        Ok(CowVal::owned(CelString::from(format!("{address}/{bits}"))))
    })?;
    env.add_member_overload("containsIP", "cidr_contains_ip", own(), vec![IP.to_owned()], |args| {
        boolean(content::<Range>(&args, 0)?.contains(content(&args, 1)?))
    })?;
    env.add_member_overload("containsIP", "cidr_contains_ip_text", own(), vec![STRING_TYPE], |args| {
        boolean(content::<Range>(&args, 0)?.contains(&parse(&text("containsIP", &args, 1)?)?))
    })?;
    env.add_member_overload("containsCIDR", "cidr_contains_cidr", own(), vec![own()], |args| {
        boolean(content::<Range>(&args, 0)?.covers(content(&args, 1)?))
    })?;
    env.add_member_overload("containsCIDR", "cidr_contains_cidr_text", own(), vec![STRING_TYPE], |args| {
        boolean(content::<Range>(&args, 0)?.covers(&parse_range(&text("containsCIDR", &args, 1)?)?))
    })?;
    env.add_member_overload("ip", "cidr_ip", own(), vec![], |args| opaque(content::<Range>(&args, 0)?.address))?;
    env.add_member_overload("masked", "cidr_masked", own(), vec![], |args| {
        opaque(content::<Range>(&args, 0)?.masked())
    })?;
    env.add_member_overload("prefixLength", "cidr_prefix_length", own(), vec![], |args| {
        Ok(CowVal::owned(CelInt::from(i64::from(content::<Range>(&args, 0)?.bits))))
    })
}

fn is_mapped(address: &IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.to_ipv4_mapped().is_some())
}

fn parse(text: &str) -> Result<IpAddr, ExecutionError> {
    match text.parse::<IpAddr>() {
        Ok(address) if is_mapped(&address) => {
            Err(failed("ip", format!("IPv4-mapped IPv6 address {text:?} is not allowed")))
        }
        Ok(address) => Ok(address),
        Err(_) => Err(failed("ip", format!("IP Address {text:?} parse error during conversion from string"))),
    }
}

fn parse_range(text: &str) -> Result<Range, ExecutionError> {
    let wrong = || failed("cidr", format!("network address parse error during conversion from string: {text:?}"));
    let (address, bits) = text.split_once('/').ok_or_else(wrong)?;
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let bits: u8 = bits.parse().map_err(|_| wrong())?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    if bits > most || is_mapped(&address) { Err(wrong()) } else { Ok(Range { address, bits }) }
}

impl Range {
    fn network_of(&self, address: &IpAddr) -> Option<u128> {
        let shift = |width: u8, number: u128| if self.bits == 0 { 0 } else { number >> (width - self.bits) };
        match (self.address, address) {
            (IpAddr::V4(_), IpAddr::V4(address)) => Some(shift(32, u128::from(address.to_bits()))),
            (IpAddr::V6(_), IpAddr::V6(address)) => Some(shift(128, address.to_bits())),
            _ => None,
        }
    }

    fn contains(&self, address: &IpAddr) -> bool {
        self.network_of(address).is_some_and(|network| Some(network) == self.network_of(&self.address))
    }

    fn covers(&self, other: &Self) -> bool {
        other.bits >= self.bits && self.contains(&other.address)
    }

    fn masked(&self) -> Self {
        let keep = |width: u8, number: u128| {
            if self.bits == 0 { 0 } else { number >> (width - self.bits) << (width - self.bits) }
        };
        let address = match self.address {
            IpAddr::V4(address) => {
                let bits = u32::try_from(keep(32, u128::from(address.to_bits()))).unwrap_or_default();
                IpAddr::V4(Ipv4Addr::from_bits(bits))
            }
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(keep(128, address.to_bits()))),
        };
        Self { address, bits: self.bits }
    }
}

fn is_link_local_multicast(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.octets()[..3] == [224, 0, 0],
        IpAddr::V6(address) => address.segments()[0] & 0xff0f == 0xff02,
    }
}

fn is_link_local_unicast(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

/// As Go's `netip.Addr.IsGlobalUnicast`: private addresses count.
fn is_global_unicast(address: &IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    !(broadcast
        || address.is_unspecified()
        || address.is_loopback()
        || address.is_multicast()
        || is_link_local_unicast(address))
}
