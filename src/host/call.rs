//! One call to an engine: its deadline, and its errors in the words of `HostError`. No verbs of the API.

use std::time::Duration;

use bollard::errors::Error;

use crate::host::HostError;

/// The deadline of a call that reads something small.
pub const SMALL: Duration = Duration::from_secs(10);

/// The deadline of a call that changes something: a busy engine takes its time to start a container, and to give up
/// on one that it is about to start would only leave a doubt. A host that is gone is found by ssh's own beats before.
pub const CHANGE: Duration = Duration::from_secs(60);

/// Waits for an answer, at most `after`. `call` names it in errors: `create shop.web.1`.
pub async fn within<T>(
    call: &str,
    after: Duration,
    answer: impl Future<Output = Result<T, Error>>,
) -> Result<T, HostError> {
    match tokio::time::timeout(after, answer).await {
        Ok(answer) => answer.map_err(|error| in_words(call, &error)),
        Err(_) => Err(HostError::Deadline {
            call: call.to_owned(),
            after,
        }),
    }
}

/// Something that is not there counts as none.
pub fn if_there<T>(answer: Result<T, HostError>) -> Result<Option<T>, HostError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(HostError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// An engine's error, or the way to it.
pub fn in_words(call: &str, error: &Error) -> HostError {
    match error {
        Error::DockerResponseServerError { status_code, message } => {
            let message = message.trim();
            match status_code {
                404 => HostError::NotFound(message.to_owned()),
                401 | 403 => HostError::Denied(message.to_owned()),
                _ => HostError::Refused(message.to_owned()),
            }
        }
        Error::DockerStreamError { error } => HostError::Refused(error.trim().to_owned()),
        Error::JsonDataError { .. } | Error::JsonSerdeError { .. } => {
            HostError::Refused(format!("the engine's answer to `{call}` does not read: {error}"))
        }
        _ => HostError::Unreachable(format!(
            "the connection to the Docker engine broke during `{call}`: {}",
            innermost(error)
        )),
    }
}

/// The last cause: libraries wrap "Connection refused" into layers that say nothing.
fn innermost(error: &Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
