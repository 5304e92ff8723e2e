//! Everything a request can fail with, and the one place that says which status
//! each is. A handler returns a [`Failure`]; how it looks (problem details or a
//! page) is decided later, by the host that was asked.

use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use catalog::Fault;
use http::{HeaderValue, StatusCode, header};
use thiserror::Error;

/// Seconds after which it makes sense to ask again: about as long as the
/// balancers and the database take to notice that something is gone.
const RETRY_AFTER_SECONDS: u32 = 2;

/// Why a request was not answered as asked.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// No such page or endpoint.
    #[error("There is nothing at this address.")]
    UnknownPath,
    /// The path's first part is no format we write.
    #[error("`{0}` is no format of this API; it has json and xml.")]
    UnknownFormat(String),
    /// The id is well-formed, and no station has it.
    #[error("No station has the id {0}.")]
    UnknownStation(uuid::Uuid),
    /// The method does not fit the resource.
    #[error("This address does not take this method; it takes {allow}.")]
    MethodNotAllowed {
        /// For the `Allow` header.
        allow: String,
    },
    /// The client accepts neither of our formats.
    #[error("This address is answered as application/json or application/xml, and Accept has neither.")]
    NotAcceptable,
    /// The body is larger than allowed.
    #[error("The body is larger than {limit_bytes} bytes.")]
    BodyTooLarge {
        /// What is allowed.
        limit_bytes: usize,
    },
    /// The body did not arrive in time: the client's fault, and the connection
    /// is of no more use.
    #[error("The body did not arrive within {deadline_ms} ms.")]
    SlowBody {
        /// How long was waited.
        deadline_ms: u64,
    },
    /// The body is of a type that parameters cannot be read from.
    #[error("Parameters are read from application/x-www-form-urlencoded and application/json, not from {0}.")]
    UnsupportedMedia(String),
    /// A parameter cannot be used.
    #[error("The parameter `{field}` {reason}")]
    BadParameter {
        /// Its name as this API spells it.
        field: String,
        /// What is wrong and what is allowed; continues the sentence.
        reason: String,
    },
    /// The request as such cannot be read.
    #[error("{0}")]
    BadRequest(String),
    /// A form that another site sent.
    #[error("This form was not sent from this site, so nothing was changed.")]
    CrossSite,
    /// A vote that a page of another site had its visitor's browser send.
    #[error("A page of another site sent this without the visitor's doing, so nothing was counted.")]
    Planted,
    /// Nobody answered within the deadline.
    #[error("This took longer than {deadline_ms} ms, so it was given up.")]
    Deadline {
        /// How long was waited.
        deadline_ms: u64,
    },
    /// The catalogue could not answer.
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
    /// A bug of ours.
    #[error("Something went wrong on our side.")]
    Internal(String),
}

impl Failure {
    /// A parameter that cannot be used; `reason` continues "The parameter `x` ...".
    pub(crate) fn parameter(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::BadParameter {
            field: field.into(),
            reason: reason.into(),
        }
    }

    /// The status, and with it whose fault it is and whether to retry.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::UnknownPath | Self::UnknownStation(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::UnknownFormat(_) | Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::SlowBody { .. } => StatusCode::REQUEST_TIMEOUT,
            Self::UnsupportedMedia(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BadParameter { .. } | Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::CrossSite | Self::Planted => StatusCode::FORBIDDEN,
            Self::Deadline { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Catalog(catalog::Error::KeyReused) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Catalog(error) => match error.fault() {
                Fault::Caller => StatusCode::BAD_REQUEST,
                Fault::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
                Fault::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            },
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What the client is told. Never what Postgres said: that is for the log.
    pub(crate) fn detail(&self) -> String {
        match self {
            Self::Catalog(catalog::Error::NoPrimary) => {
                "No database primary can take writes now. Nothing was changed: sending this again is safe.".into()
            }
            Self::Catalog(catalog::Error::Unknown { .. }) => {
                "The database was lost while it confirmed this, so it may or may not have been done. Under the same \
                 Idempotency-Key, sending it again is safe; without one, a vote or a click still counts once."
                    .into()
            }
            Self::Catalog(error) => match error.fault() {
                Fault::Internal => "Something went wrong on our side.".into(),
                Fault::Caller | Fault::Unavailable => sentence(&error.to_string()),
            },
            other => other.to_string(),
        }
    }

    /// Whether what was asked may have been done in spite of the failure.
    pub(crate) fn may_have_been_done(&self) -> bool {
        matches!(self, Self::Catalog(catalog::Error::Unknown { .. }))
    }

    /// The parameter at fault, when it is one.
    pub(crate) fn field(&self) -> Option<&str> {
        match self {
            Self::BadParameter { field, .. } => Some(field),
            _ => None,
        }
    }

    /// Headers that the status asks for, whatever the body looks like.
    pub(crate) fn add_headers(&self, response: &mut Response) {
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status() == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
        }
        if let Self::SlowBody { .. } = self {
            // What is left of the body would be read as the next request (RFC 9110, 15.5.9).
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if let Self::MethodNotAllowed { allow } = self
            && let Ok(allow) = HeaderValue::from_str(allow)
        {
            headers.insert(header::ALLOW, allow);
        }
    }

    /// The failure that a response carries, or that its bare status stands for
    /// when axum itself refused the request.
    pub(crate) fn of(response: &Response) -> Option<Arc<Self>> {
        if let Some(failure) = response.extensions().get::<Arc<Self>>() {
            return Some(failure.clone());
        }
        let failure = match response.status() {
            StatusCode::NOT_FOUND => Self::UnknownPath,
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed {
                allow: response
                    .headers()
                    .get(header::ALLOW)
                    .and_then(|value| value.to_str().ok())
                    .unwrap_or_default()
                    .replace(',', ", "),
            },
            status if status.is_client_error() => {
                Self::BadRequest("The address holds something that cannot be read.".into())
            }
            status if status.is_server_error() => Self::Internal(format!("bare status {status}")),
            _ => return None,
        };
        Some(Arc::new(failure))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status();
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

/// Error texts begin small and end without a stop; people are told a sentence.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), letters.as_str()),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_says_when_to_come_back_and_a_mistake_does_not() {
        let headers = |failure: Failure| {
            let mut response = Response::new(Body::empty());
            failure.add_headers(&mut response);
            response.headers().contains_key(header::RETRY_AFTER)
        };
        assert!(headers(catalog::Error::NoPrimary.into()));
        assert!(headers(catalog::Error::Unknown { waited_ms: 1 }.into()));
        assert!(headers(Failure::Deadline { deadline_ms: 1 }));
        assert!(!headers(Failure::UnknownPath));
        assert!(!headers(catalog::Error::BadText.into()));
    }

    #[test]
    fn a_refusal_by_axum_itself_is_a_failure_too() {
        let mut response = StatusCode::METHOD_NOT_ALLOWED.into_response();
        response
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("GET,HEAD"));
        let failure = Failure::of(&response).expect("a failure");
        assert!(matches!(&*failure, Failure::MethodNotAllowed { allow } if allow == "GET, HEAD"));
        assert!(Failure::of(&StatusCode::OK.into_response()).is_none());
        assert!(Failure::of(&StatusCode::SEE_OTHER.into_response()).is_none());
    }
}
