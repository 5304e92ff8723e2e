//! The largest countries, languages and tags, for menus. They change slowly and
//! every page wants them, so they are kept for a minute; in an outage the last
//! ones serve on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use catalog::{Category, CategoryCount, CategoryQuery, Read};
use tokio::sync::Mutex;
use tracing::debug;

const KEPT_FOR: Duration = Duration::from_secs(60);
const TAGS: u32 = 40;
const COUNTRIES: u32 = 260;
const LANGUAGES: u32 = 120;

/// Names with their station counts, the largest first.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    pub(crate) tags: Vec<CategoryCount>,
    pub(crate) countries: Vec<CategoryCount>,
    pub(crate) languages: Vec<CategoryCount>,
}

/// The lists as last read.
#[derive(Default)]
pub(crate) struct Facets {
    /// Held while reading, so that many pages at once ask the database once.
    kept: Mutex<Option<(Instant, Arc<Lists>)>>,
}

impl Facets {
    /// The lists, at most a minute old while the database answers.
    ///
    /// # Errors
    /// What the database said, when there are no older ones to fall back on.
    pub(crate) async fn get(&self, read: &Read) -> Result<Arc<Lists>, catalog::Error> {
        let mut kept = self.kept.lock().await;
        if let Some((at, lists)) = &*kept
            && at.elapsed() < KEPT_FOR
        {
            return Ok(lists.clone());
        }
        match load(read).await {
            Ok(lists) => {
                let lists = Arc::new(lists);
                // An empty catalogue is being filled: look again soon.
                *kept = (!lists.countries.is_empty()).then(|| (Instant::now(), lists.clone()));
                Ok(lists)
            }
            Err(error) => match &mut *kept {
                Some((at, lists)) => {
                    debug!(%error, "menus stay as they were");
                    *at = Instant::now();
                    Ok(lists.clone())
                }
                None => Err(error),
            },
        }
    }
}

async fn load(read: &Read) -> Result<Lists, catalog::Error> {
    let largest = |limit| CategoryQuery {
        by_count: true,
        reverse: true,
        hide_broken: true,
        limit: Some(limit),
        ..CategoryQuery::default()
    };
    let (tags, countries, languages) = (largest(TAGS), largest(COUNTRIES), largest(LANGUAGES));
    let (tags, countries, languages) = tokio::try_join!(
        read.category(Category::Tag, &tags),
        read.category(Category::Country, &countries),
        read.category(Category::Language, &languages),
    )?;
    let named = |mut list: Vec<CategoryCount>| {
        list.retain(|count| !count.name.is_empty());
        list
    };
    Ok(Lists {
        tags: named(tags),
        countries: named(countries),
        languages: named(languages),
    })
}
