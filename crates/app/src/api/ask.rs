//! What a request to the API asks: its format, the changing parts of its path
//! and its parameters, all bounded and readable before a handler sees them.

use std::sync::Arc;

use axum::RequestExt;
use axum::extract::{FromRequest, RawPathParams, Request};
use http::{Method, header};
use uuid::Uuid;

use crate::api::negotiate::Format;
use crate::api::params::Params;
use crate::api::values;
use crate::consistency::Session;
use crate::failure::Failure;
use crate::state::{AppState, Caller};

/// One question to the API.
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) format: Format,
    pub(crate) params: Params,
    pub(crate) caller: Caller,
    pub(crate) session: Session,
    path: Vec<(String, String)>,
}

impl FromRequest<Arc<AppState>> for Ask {
    type Rejection = Failure;

    async fn from_request(mut request: Request, state: &Arc<AppState>) -> Result<Self, Failure> {
        let path: Vec<(String, String)> = request
            .extract_parts::<RawPathParams>()
            .await
            .map(|params| params.iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect())
            .map_err(|_| Failure::BadRequest("The address holds bytes that are not UTF-8.".into()))?;
        let accept = request
            .headers()
            .get_all(header::ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .collect::<Vec<_>>()
            .join(",");
        let in_path = path.iter().find(|(name, _)| name == "format").map(|(_, v)| v.as_str());
        let format = Format::choose(in_path, &accept)?;
        let known = request.extensions();
        let (Some(caller), Some(session)) = (known.get::<Caller>().cloned(), known.get::<Session>().cloned()) else {
            return Err(Failure::Internal(
                "a request that did not come through the front".into(),
            ));
        };
        Ok(Self {
            method: request.method().clone(),
            format,
            caller,
            session,
            path,
            params: Params::read(request, &state.limits).await?,
        })
    }
}

impl Ask {
    /// A part of the path; `None` when it is absent or empty, which filters nothing.
    pub(crate) fn path_text(&self, name: &str) -> Result<Option<String>, Failure> {
        match self.path.iter().find(|(key, _)| key == name) {
            Some((_, value)) if !value.is_empty() => values::bounded(name, value).map(Some),
            _ => Ok(None),
        }
    }

    /// Stations' ids in a part of the path, as a comma list; `None` when it is
    /// absent. `field` is what an error calls it.
    pub(crate) fn path_uuids(&self, name: &str, field: &str) -> Result<Option<Vec<Uuid>>, Failure> {
        let part = self.path.iter().find(|(key, _)| key == name);
        part.map(|(_, value)| values::uuids(field, value)).transpose()
    }

    /// A station's id in the path.
    pub(crate) fn path_uuid(&self, name: &str) -> Result<Uuid, Failure> {
        let text = self.path_text(name)?.unwrap_or_default();
        values::uuid(name, &text)
    }
}
