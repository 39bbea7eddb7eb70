//! Which types fit which, and what the unknown ones turn out to be.
//! It must not know expressions.

use std::sync::Arc;

use super::types::{CelType, Parts};

/// What is known so far about the type variables of one expression.
#[derive(Clone, Debug, Default)]
pub(super) struct Infer {
    found: Vec<Option<CelType>>,
}

impl Infer {
    /// A type to be found out.
    pub(super) fn fresh(&mut self) -> CelType {
        self.found.push(None);
        CelType::Variable(self.found.len() - 1)
    }

    /// A type with the variables at its top replaced by what they are.
    pub(super) fn shallow(&self, type_: &CelType) -> CelType {
        let mut type_ = type_.clone();
        while let CelType::Variable(id) = &type_ {
            match self.found.get(*id).and_then(Option::as_ref) {
                Some(found) => type_ = found.clone(),
                None => break,
            }
        }
        type_
    }

    /// A type with all its variables replaced; unknown ones stay.
    pub(super) fn deep(&self, type_: &CelType) -> CelType {
        match self.shallow(type_) {
            CelType::List(item) => CelType::list(self.deep(&item)),
            CelType::Map(key, value) => CelType::map(self.deep(&key), self.deep(&value)),
            CelType::Optional(inner) => CelType::optional(self.deep(&inner)),
            CelType::Type(inner) => CelType::Type(Arc::new(self.deep(&inner))),
            other => other,
        }
    }

    /// A type in which what is still unknown is `dyn`.
    pub(super) fn finished(&self, type_: &CelType) -> CelType {
        match self.deep(type_) {
            CelType::Variable(_) => CelType::Dyn,
            CelType::List(item) => CelType::list(self.finished(&item)),
            CelType::Map(key, value) => CelType::map(self.finished(&key), self.finished(&value)),
            CelType::Optional(inner) => CelType::optional(self.finished(&inner)),
            other => other,
        }
    }

    /// Whether each value fits the type beside it; learns from it only if all do.
    pub(super) fn all_fit(&mut self, values: &[CelType], wanted: &[CelType]) -> bool {
        let before = self.found.clone();
        let fit =
            values.len() == wanted.len() && values.iter().zip(wanted).all(|(value, type_)| self.fits(value, type_));
        if !fit {
            self.found = before;
        }
        fit
    }

    /// Whether a value of one type may stand where another is wanted, as cel-go's `isAssignable`.
    fn fits(&mut self, value: &CelType, wanted: &CelType) -> bool {
        let (value, wanted) = (self.shallow(value), self.shallow(wanted));
        match (&value, &wanted) {
            (CelType::Variable(a), CelType::Variable(b)) if a == b => true,
            (_, CelType::Variable(id)) => self.learn(*id, &value),
            (CelType::Variable(id), _) => self.learn(*id, &wanted),
            (CelType::Dyn | CelType::Error, _) | (_, CelType::Dyn | CelType::Error) => true,
            (CelType::Named(a), CelType::Named(b)) => a == b,
            (CelType::Named("null"), other) => !matches!(other, CelType::List(_) | CelType::Map(..)),
            (CelType::Object(a), CelType::Object(b)) => Arc::ptr_eq(&a.schema, &b.schema) || a.name == b.name,
            (CelType::Optional(a), CelType::Optional(b)) => self.fits(a, b),
            (CelType::Type(_), CelType::Type(_)) => true,
            _ => self.parts_fit(&value, &wanted),
        }
    }

    fn parts_fit(&mut self, value: &CelType, wanted: &CelType) -> bool {
        match (value.parts(), wanted.parts()) {
            (Some(Parts::List(a)), Some(Parts::List(b))) => self.fits(a, b),
            (Some(Parts::Map(k, v)), Some(Parts::Map(l, w))) => self.fits(&k, &l) && self.fits(v, w),
            _ => false,
        }
    }

    fn learn(&mut self, id: usize, type_: &CelType) -> bool {
        if self.mentions(type_, id) {
            return false;
        }
        if let Some(slot) = self.found.get_mut(id) {
            *slot = Some(type_.clone());
        }
        true
    }

    fn mentions(&self, type_: &CelType, id: usize) -> bool {
        let type_ = self.shallow(type_);
        match &type_ {
            CelType::Variable(other) => *other == id,
            CelType::Optional(inner) | CelType::Type(inner) => self.mentions(inner, id),
            _ => match type_.parts() {
                Some(Parts::List(item)) => self.mentions(item, id),
                Some(Parts::Map(key, value)) => self.mentions(&key, id) || self.mentions(value, id),
                None => false,
            },
        }
    }
}
