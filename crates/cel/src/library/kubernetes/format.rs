//! Named formats: `format.dns1123Label().validate(name)` is the list of what is wrong, if anything is.
//! It must not know the rules of names: apimachinery does.

use cel::common::types::{CelList, CelOptional, CelString, STRING_TYPE, Type};
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env};
use mainstay_apimachinery::{FieldPath, Schema, names, schema};
use serde_json::Value;

use super::super::{Evaluated, text};
use super::{Content, Opaque, content, opaque};

static FORMAT: Type = Type::new_unspecified_type("kubernetes.NamedFormat");

/// A format by its name.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Named(&'static str);

impl Content for Named {
    fn cel_type() -> &'static Type {
        &FORMAT
    }
}

macro_rules! formats {
    ($env:ident: $($name:literal),*) => {{
        $($env.add_overload(concat!("format.", $name), concat!("format_", $name), vec![], |_| opaque(Named($name)))?;)*
        &[$($name),*]
    }};
}

pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_type(FORMAT.to_owned())?;
    let _: &[&str] = formats!(env: "dns1123Label", "dns1123Subdomain", "dns1035Label", "qualifiedName",
        "dns1123LabelPrefix", "dns1123SubdomainPrefix", "dns1035LabelPrefix", "labelValue", "uri", "uuid", "byte",
        "date", "datetime");
    env.add_overload("format.named", "format_named", vec![STRING_TYPE], |args| {
        let found = known(&text("format.named", &args, 0)?);
        Ok(CowVal::owned(found.map_or_else(CelOptional::none, |name| CelOptional::of(Box::new(Opaque(Named(name)))))))
    })?;
    env.add_member_overload("validate", "format_validate", FORMAT.to_owned(), vec![STRING_TYPE], |args| {
        validated(content::<Named>(&args, 0)?.0, &text("validate", &args, 1)?)
    })
}

fn known(name: &str) -> Option<&'static str> {
    const NAMES: [&str; 13] = [
        "dns1123Label",
        "dns1123Subdomain",
        "dns1035Label",
        "qualifiedName",
        "dns1123LabelPrefix",
        "dns1123SubdomainPrefix",
        "dns1035LabelPrefix",
        "labelValue",
        "uri",
        "uuid",
        "byte",
        "date",
        "datetime",
    ];
    NAMES.into_iter().find(|own| *own == name)
}

fn validated<'b, 'v>(format: &str, value: &str) -> Evaluated<'b, 'v> {
    let wrong = problems(format, value);
    if wrong.is_empty() {
        return Ok(CowVal::owned(CelOptional::none()));
    }
    let texts: Vec<Box<dyn Val>> = wrong.into_iter().map(|text| Box::new(CelString::from(text)) as _).collect();
    Ok(CowVal::owned(CelOptional::of(Box::new(CelList::from(texts)))))
}

fn problems(format: &str, value: &str) -> Vec<String> {
    // A prefix may end where a name may not: in a dash.
    let whole = || format!("{}a", value.trim_end_matches('-'));
    match format {
        "dns1123Label" => names::check_dns1123_label(value),
        "dns1123Subdomain" => names::check_dns1123_subdomain(value),
        "dns1035Label" => names::check_dns1035_label(value),
        "dns1123LabelPrefix" => names::check_dns1123_label(&whole()),
        "dns1123SubdomainPrefix" => names::check_dns1123_subdomain(&whole()),
        "dns1035LabelPrefix" => names::check_dns1035_label(&whole()),
        "qualifiedName" => names::check_qualified_name(value),
        "labelValue" => names::check_label_value(value),
        other => by_schema(if other == "datetime" { "date-time" } else { other }, value),
    }
}

fn by_schema(format: &str, value: &str) -> Vec<String> {
    let schema = Schema { type_: Some(schema::Type::String), format: Some(format.to_owned()), ..Schema::default() };
    let wrong = schema.validate(&Value::from(value), &FieldPath::root());
    if wrong.is_empty() { Vec::new() } else { vec![format!("invalid {format}")] }
}
