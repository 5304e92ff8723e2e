//! The site: HTML from the server that works without JavaScript, a file a page.
//! Every text of a station is escaped by the templates; [`headers`] allow a page
//! nothing but its own files and the streams.
//!
//! Never here: anything of a third party. A station's picture would tell its
//! host who is looking; only the stream is fetched from elsewhere, when somebody
//! plays it.

pub(crate) mod about;
pub(crate) mod assets;
mod card;
mod country;
mod cross_site;
pub(crate) mod facets;
pub(crate) mod headers;
pub(crate) mod home;
mod link;
mod page;
pub(crate) mod pages;
mod query;
pub(crate) mod search;
pub(crate) mod station;
