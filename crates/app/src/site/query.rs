//! Reading stations for pages: small lists, whole in memory.

use catalog::{Read, Station, StationQuery};

/// The stations of a list that `query.limit` keeps short.
///
/// # Errors
/// What the catalogue said.
pub(crate) async fn stations(read: &Read, query: &StationQuery) -> Result<Vec<Station>, catalog::Error> {
    let mut batches = read.stations(query).await?;
    let mut stations = Vec::new();
    while let Some(batch) = batches.next().await.transpose()? {
        stations.extend(batch);
    }
    Ok(stations)
}
