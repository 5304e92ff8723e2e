//! The content of an answer: RFC 1034 section 4.3.2, RFC 2308 for what is not
//! there, RFC 6604 for the code at the end of a chain, RFC 6672 for DNAME, RFC 8482
//! for ANY. A zone, a name and a type in, sections out; pure
//! but for steered addresses, which are as they are now and turn from answer to answer. Never here: messages,
//! sizes, or who asks, except for what differs between clients and times: the view, and
//! which steered addresses live.

use std::borrow::Cow;

use hickory_server::proto::op::ResponseCode;

use crate::steering::Steering;
use crate::view::View;
use crate::zone::{Found, Name, Node, Rrset, Rtype, Zone, target};

/// Aliases followed in one answer; what is beyond is for the client to ask.
/// The same as BIND's.
const MAX_CHAIN: usize = 16;

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// There is data, or the name is there without data of the type, or another
    /// server is to be asked.
    Found,
    /// The last name of the chain does not exist.
    NoSuchName,
    /// A DNAME makes a name that is too long.
    NameTooLong,
    /// The name is in no zone of ours.
    NotOurs,
    /// The question is in a class that we do not serve.
    OtherClass,
    /// The question is for a transfer, which nobody is allowed.
    Transfer,
    /// The question is for a type that is never in an answer.
    NeverAType,
    /// The question is for a type by which something is asked that we do not do.
    MetaType,
    /// The message is signed with a key that we do not have.
    UnknownKey,
    /// The message is not one question.
    NotOneQuestion,
    /// The operation is none that we know.
    OtherOperation,
    /// The EDNS version is none that we know.
    OtherEdnsVersion,
}

impl Outcome {
    /// The code that says so to the client.
    #[must_use]
    pub fn response_code(self) -> ResponseCode {
        match self {
            // RFC 2308 section 2.2: NODATA is NOERROR without an answer.
            Self::Found => ResponseCode::NoError,
            // RFC 6604 section 2: of the last name, aliases before it or not.
            Self::NoSuchName => ResponseCode::NXDomain,
            // RFC 6672 section 2.2.
            Self::NameTooLong => ResponseCode::YXDomain,
            // RFC 1035 section 4.1.1, for reasons of policy: we refer nobody upward.
            Self::NotOurs | Self::OtherClass => ResponseCode::Refused,
            // RFC 5936 section 2.2.1.
            Self::Transfer => ResponseCode::Refused,
            // RFC 6891 section 6.1.1 has OPT in additional sections only, RFC 9824
            // section 3.5 says it of NXNAME.
            Self::NeverAType => ResponseCode::FormErr,
            // RFC 6895 section 3.1, RFC 1035 section 4.1.1.
            Self::MetaType => ResponseCode::NotImp,
            // RFC 8945 section 5.2.1.
            Self::UnknownKey => ResponseCode::NotAuth,
            // RFC 9619 section 4.
            Self::NotOneQuestion => ResponseCode::FormErr,
            // RFC 8906 section 3.1.4.
            Self::OtherOperation => ResponseCode::NotImp,
            // RFC 6891 section 6.1.3.
            Self::OtherEdnsVersion => ResponseCode::BADVERS,
        }
    }
}

/// Records of one name and type, as they go out.
#[derive(Debug)]
pub struct Entry<'z> {
    /// The owner, which is not the set's own when a wildcard stands for it.
    pub owner: Name,
    /// The records; their TTL is the answer's.
    pub set: Cow<'z, Rrset>,
}

/// What an answer depends on besides the zone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Client<'a> {
    /// What the client sees differently.
    pub view: Option<&'a View>,
    /// Who of steered addresses lives; `None`: all that the zone has are given.
    pub steering: Option<&'a Steering>,
}

/// The sections of an answer.
#[derive(Debug)]
pub struct Answer<'z> {
    /// What became of the question.
    pub outcome: Outcome,
    /// AA (RFC 1035 section 4.1.1: of the first owner name in the answer).
    pub authoritative: bool,
    /// Answer section.
    pub answers: Vec<Entry<'z>>,
    /// Authority section.
    pub authority: Vec<Entry<'z>>,
    /// Additional records without which the answer is of no use: glue of servers
    /// below the cut (RFC 9471).
    pub glue: Vec<Entry<'z>>,
    /// Additional records that save a question and may be left out.
    pub additional: Vec<Entry<'z>>,
}

impl<'z> Answer<'z> {
    /// An answer of nothing but its code.
    #[must_use]
    pub fn of(outcome: Outcome) -> Self {
        Self {
            outcome,
            authoritative: false,
            answers: Vec::new(),
            authority: Vec::new(),
            glue: Vec::new(),
            additional: Vec::new(),
        }
    }

    /// Answers a question that is within `zone`. The name is in lower case.
    #[must_use]
    pub fn find(zone: &'z Zone, qname: &Name, qtype: Rtype, client: &Client<'_>) -> Self {
        let mut answer = Self::of(Outcome::Found);
        answer.authoritative = true;
        Finder {
            zone,
            client: *client,
            answer: &mut answer,
        }
        .chase(qname, qtype);
        answer
    }
}

/// How a name on the chain ended.
enum Step {
    Done,
    /// The chain goes on at this name.
    Alias(Name),
}

struct Finder<'a, 'z> {
    zone: &'z Zone,
    client: Client<'a>,
    answer: &'a mut Answer<'z>,
}

impl<'z> Finder<'_, 'z> {
    fn chase(&mut self, qname: &Name, qtype: Rtype) {
        let mut seen: Vec<Name> = Vec::new();
        let mut name = qname.clone();
        // A name outside the zone ends the chain: its own server knows better.
        while let Some(found) = self.zone.find(&name, qtype) {
            match self.step(&name, qtype, found) {
                Step::Done => return,
                Step::Alias(next) => {
                    seen.push(name);
                    // A loop is given as far as it is new.
                    if seen.len() >= MAX_CHAIN || seen.contains(&next) {
                        return;
                    }
                    name = next;
                }
            }
        }
    }

    fn step(&mut self, name: &Name, qtype: Rtype, found: Found<'z>) -> Step {
        match found {
            Found::Here(node) => self.at_node(name, qtype, node),
            Found::Delegated { cut, servers } => {
                self.refer(cut, servers);
                Step::Done
            }
            Found::Renamed { owner, dname } => self.rename(name, qtype, owner, dname),
            Found::Nowhere => {
                self.answer.outcome = Outcome::NoSuchName;
                self.negative();
                Step::Done
            }
        }
    }

    fn at_node(&mut self, name: &Name, qtype: Rtype, node: &'z Node) -> Step {
        if qtype == Rtype::ANY {
            self.any(name, node);
            return Step::Done;
        }
        if let Some(set) = self.get(node, qtype) {
            self.additional_for(&set);
            self.push_answer(name.clone(), set);
            return Step::Done;
        }
        let Some(alias) = node.get(Rtype::CNAME) else {
            self.negative();
            return Step::Done;
        };
        self.push_answer(name.clone(), Cow::Borrowed(alias));
        match Name::read(&alias.rdata[0]) {
            Ok((next, _)) => Step::Alias(next.to_lower()),
            Err(_) => Step::Done,
        }
    }

    /// RFC 8482 section 4.1: one set stands for all.
    fn any(&mut self, name: &Name, node: &'z Node) {
        let types = node.rrsets().iter().map(|set| set.rtype);
        let first = [Rtype::CNAME]
            .into_iter()
            .chain(types)
            .find_map(|rtype| self.get(node, rtype));
        match first {
            Some(set) => self.push_answer(name.clone(), set),
            None => self.negative(),
        }
    }

    /// RFC 6672 section 3.2: the DNAME, and a CNAME made of it for this name. A chain
    /// may pass the same DNAME again, which is there once (RFC 2181 section 5).
    fn rename(&mut self, name: &Name, qtype: Rtype, owner: Name, dname: &'z Rrset) -> Step {
        let prefix = name.labels_below(&owner).unwrap_or_default();
        let renamed = Name::read(&dname.rdata[0]).and_then(|(target, _)| Name::join(&prefix, &target));
        let there = |entry: &Entry<'_>| entry.set.rtype == Rtype::DNAME && entry.owner == owner;
        if !self.answer.answers.iter().any(there) {
            self.push_answer(owner, Cow::Borrowed(dname));
        }
        let Ok(renamed) = renamed else {
            self.answer.outcome = Outcome::NameTooLong;
            return Step::Done;
        };
        self.answer.answers.push(Entry {
            owner: name.clone(),
            set: Cow::Owned(Rrset {
                rtype: Rtype::CNAME,
                ttl: dname.ttl,
                rdata: vec![renamed.as_wire().into()],
            }),
        });
        if qtype == Rtype::CNAME {
            // The CNAME that was made is what was asked for.
            return Step::Done;
        }
        Step::Alias(renamed.to_lower())
    }

    fn refer(&mut self, cut: Name, servers: &'z Rrset) {
        // An alias before the cut is ours, the referral alone is not.
        self.answer.authoritative = !self.answer.answers.is_empty();
        for host in targets(servers) {
            let glue = host.is_within(&cut);
            self.addresses(&host, glue);
        }
        self.answer.authority.push(Entry {
            owner: cut,
            set: Cow::Borrowed(servers),
        });
    }

    /// RFC 2308 section 3: the SOA says how long it may be remembered that there is nothing.
    fn negative(&mut self) {
        let mut soa = self.zone.soa().clone();
        soa.ttl = self.zone.negative_ttl();
        self.answer.authority.push(Entry {
            owner: self.zone.origin().clone(),
            set: Cow::Owned(soa),
        });
    }

    fn push_answer(&mut self, owner: Name, set: Cow<'z, Rrset>) {
        self.answer.answers.push(Entry { owner, set });
    }

    /// The addresses of the hosts that an answer points at.
    fn additional_for(&mut self, set: &Rrset) {
        for host in targets(set) {
            self.addresses(&host, false);
        }
    }

    fn addresses(&mut self, host: &Name, glue: bool) {
        let Some(node) = self.zone.node(host) else {
            return;
        };
        for rtype in [Rtype::A, Rtype::AAAA] {
            let there = |entry: &Entry<'_>| entry.set.rtype == rtype && entry.owner == *host;
            if self.answer.glue.iter().chain(&self.answer.additional).any(there) {
                continue;
            }
            if let Some(set) = self.get(node, rtype) {
                let owner = host.clone();
                let entry = Entry { owner, set };
                let section = if glue {
                    &mut self.answer.glue
                } else {
                    &mut self.answer.additional
                };
                section.push(entry);
            }
        }
    }

    /// A set as this client is given it now: of steered addresses the living, in its view's place.
    fn get(&self, node: &'z Node, rtype: Rtype) -> Option<Cow<'z, Rrset>> {
        let set = match self.client.steering {
            Some(steering) if node.is_steered() && matches!(rtype, Rtype::A | Rtype::AAAA) => {
                Cow::Owned(steering.choose(node, rtype)?)
            }
            _ => Cow::Borrowed(node.get(rtype)?),
        };
        Some(match (self.client.view, set) {
            (Some(view), Cow::Borrowed(set)) => view.of(set),
            (Some(view), Cow::Owned(set)) => Cow::Owned(view.of(&set).into_owned()),
            (None, set) => set,
        })
    }
}

/// The hosts that the records of a set point at, in lower case.
fn targets(set: &Rrset) -> impl Iterator<Item = Name> {
    set.rdata
        .iter()
        .filter_map(|rdata| target(set.rtype, rdata))
        .map(|host| host.to_lower())
}

#[cfg(test)]
mod tests;
