//! What form of an answer a client accepts.
//! It must not know resources.

use crate::Error;

/// The form an answer takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Form {
    /// The object or list itself.
    #[default]
    Plain,
    /// `meta.k8s.io/v1` `Table`.
    Table,
    /// `meta.k8s.io/v1` `PartialObjectMetadata`, or its list.
    PartialMetadata { of_list: bool },
}

/// Form and encoding of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// What is sent.
    pub(crate) form: Form,
    /// Whether it is sent as YAML rather than JSON.
    pub(crate) yaml: bool,
}

impl Accepted {
    /// The first acceptable media range of an `Accept` header.
    ///
    /// # Errors
    /// 406 when there is none.
    pub(crate) fn parse(header: Option<&str>) -> Result<Self, Error> {
        let Some(header) = header.filter(|text| !text.trim().is_empty()) else { return Ok(Self::default()) };
        let is_known = |range: &str| encoding(range.split(';').next().unwrap_or_default().trim()).is_some();
        header.split(',').find_map(Self::of_range).ok_or_else(|| {
            // A known encoding of a form nobody knows is refused in other words.
            if header.split(',').any(is_known) { Error::no_such_form() } else { Error::not_acceptable() }
        })
    }

    fn of_range(range: &str) -> Option<Self> {
        let mut parts = range.split(';').map(str::trim);
        let yaml = encoding(parts.next()?)?;
        let (mut kind, mut version, mut group) = ("", "v1", "meta.k8s.io");
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            match name.trim() {
                "as" => kind = value.trim(),
                "v" => version = value.trim(),
                "g" => group = value.trim(),
                _ => {}
            }
        }
        let form = match kind {
            "" => Form::Plain,
            _ if version != "v1" || group != "meta.k8s.io" => return None,
            "Table" => Form::Table,
            "PartialObjectMetadata" => Form::PartialMetadata { of_list: false },
            "PartialObjectMetadataList" => Form::PartialMetadata { of_list: true },
            _ => return None,
        };
        Some(Self { form, yaml })
    }
}

/// Whether a media type is answered with YAML; `None` if it is not answered at all.
fn encoding(media_type: &str) -> Option<bool> {
    match media_type {
        "application/json" | "application/*" | "*/*" => Some(false),
        "application/yaml" => Some(true),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(header: &str) -> Result<Form, u16> {
        Accepted::parse(Some(header)).map(|accepted| accepted.form).map_err(|error| error.code)
    }

    #[test]
    fn the_first_acceptable_form_wins() {
        let kubectl = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
        assert_eq!(form(kubectl), Ok(Form::Table));
        assert_eq!(form("application/vnd.kubernetes.protobuf,application/json"), Ok(Form::Plain));
        assert_eq!(
            form("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"),
            Ok(Form::PartialMetadata { of_list: true })
        );
        assert_eq!(form("*/*"), Ok(Form::Plain));
        assert_eq!(form("text/html"), Err(406));
        assert!(Accepted::parse(Some("application/yaml")).unwrap().yaml);
    }
}
