//! Any answer as JSON, indented, with a line feed at its end.

use serde::Serialize;

/// The value as JSON text.
///
/// # Errors
/// Where the value does not fit into JSON: a map whose keys are no text.
pub fn pretty<T: Serialize + ?Sized>(value: &T) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(value).map(|text| text + "\n")
}
