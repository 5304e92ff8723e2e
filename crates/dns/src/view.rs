//! Views: what a client on a private network is told instead of a published
//! address. Zone files hold what the world shall see; a view is only the
//! difference, so both sides are always of the same zone.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::zone::Rrset;

/// The difference that clients of some networks see.
#[derive(Debug)]
pub struct View {
    name: String,
    clients: Vec<IpNet>,
    except: Vec<IpNet>,
    addresses: HashMap<IpAddr, Vec<IpAddr>>,
}

impl View {
    /// A view for clients in `clients` and not in `except`. Each published address
    /// is replaced by all of its private ones, which are of the same family.
    #[must_use]
    pub fn new(
        name: String,
        clients: Vec<IpNet>,
        except: Vec<IpNet>,
        addresses: impl IntoIterator<Item = (IpAddr, Vec<IpAddr>)>,
    ) -> Self {
        Self {
            name,
            clients,
            except,
            addresses: addresses.into_iter().collect(),
        }
    }

    /// Its name in the configuration.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Networks whose clients have this view.
    #[must_use]
    pub fn clients(&self) -> &[IpNet] {
        &self.clients
    }

    fn holds(&self, client: IpAddr) -> bool {
        let within = |networks: &[IpNet]| networks.iter().any(|network| network.contains(&client));
        within(&self.clients) && !within(&self.except)
    }

    /// The set as this view has it. Only addresses differ between views.
    #[must_use]
    pub fn of<'s>(&self, set: &'s Rrset) -> Cow<'s, Rrset> {
        let touched = |rdata: &[u8]| {
            set.rtype
                .address(rdata)
                .is_some_and(|a| self.addresses.contains_key(&a))
        };
        if !set.rdata.iter().any(|rdata| touched(rdata)) {
            return Cow::Borrowed(set);
        }
        let mut private: Vec<Box<[u8]>> = Vec::with_capacity(set.rdata.len());
        let mut push = |rdata: Box<[u8]>| {
            if !private.contains(&rdata) {
                private.push(rdata);
            }
        };
        for rdata in &set.rdata {
            match set.rtype.address(rdata).and_then(|a| self.addresses.get(&a)) {
                Some(replacements) => replacements.iter().for_each(|a| push(octets(*a))),
                None => push(rdata.clone()),
            }
        }
        Cow::Owned(Rrset {
            rtype: set.rtype,
            ttl: set.ttl,
            rdata: private,
        })
    }
}

fn octets(address: IpAddr) -> Box<[u8]> {
    match address {
        IpAddr::V4(address) => address.octets().into(),
        IpAddr::V6(address) => address.octets().into(),
    }
}

/// All views, in the order of the configuration.
#[derive(Debug, Default)]
pub struct Views(Vec<View>);

impl Views {
    /// Views of which the first that holds a client is the client's.
    #[must_use]
    pub fn new(views: Vec<View>) -> Self {
        Self(views)
    }

    /// The view of a client; `None` for one that sees the zone files as they are.
    #[must_use]
    pub fn of(&self, client: IpAddr) -> Option<&View> {
        // A socket for both families shows IPv4 clients as ::ffff:a.b.c.d.
        let client = client.to_canonical();
        self.0.iter().find(|view| view.holds(client))
    }

    /// Every view.
    pub fn iter(&self) -> impl Iterator<Item = &View> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::Rtype;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn view() -> View {
        View::new(
            "private".into(),
            vec!["172.30.77.0/24".parse().expect("a network")],
            vec!["172.30.77.1/32".parse().expect("a network")],
            [(ip("127.0.0.1"), vec![ip("172.30.77.10"), ip("172.30.77.11")])],
        )
    }

    #[test]
    fn a_client_has_the_first_view_that_holds_it() {
        let views = Views::new(vec![view()]);
        let name = |client| views.of(ip(client)).map(View::name);
        assert_eq!(name("172.30.77.9"), Some("private"));
        assert_eq!(name("::ffff:172.30.77.9"), Some("private"));
        assert_eq!(name("172.30.77.1"), None);
        assert_eq!(name("192.0.2.1"), None);
    }

    #[test]
    fn a_published_address_becomes_its_private_ones_and_others_stay() {
        let set = Rrset {
            rtype: Rtype::A,
            ttl: 5,
            rdata: vec![Box::from([127, 0, 0, 1]), Box::from([192, 0, 2, 1])],
        };
        let private = view().of(&set).into_owned();
        let expected: [&[u8]; 3] = [&[172, 30, 77, 10], &[172, 30, 77, 11], &[192, 0, 2, 1]];
        assert_eq!(private.rdata.iter().map(|r| &**r).collect::<Vec<_>>(), expected);
        assert_eq!(private.ttl, 5);
    }

    #[test]
    fn what_holds_no_published_address_is_not_touched() {
        let set = Rrset {
            rtype: Rtype::TXT,
            ttl: 5,
            rdata: vec![Box::from([127, 0, 0, 1])],
        };
        assert!(matches!(view().of(&set), Cow::Borrowed(_)));
    }
}
