//! `range`.

use super::{Flow, Machine};
use crate::ast::{Branch, Pipe};
use crate::error::Error;
use crate::format::display;
use crate::value::Value;

impl Machine<'_> {
    pub(super) fn range(&mut self, dot: &Value, branch: &Branch) -> Result<Flow, Error> {
        let value = self.pipe_value(dot, &branch.pipe)?;
        let known = self.variables.len();
        if branch.pipe.declares {
            let fresh = branch.pipe.variables.iter().map(|name| (name.clone(), value.clone()));
            self.variables.extend(fresh);
        }
        self.go_deeper(branch.pipe.at, &branch.pipe)?;
        let flow = self.each(dot, value, branch);
        self.depth -= 1;
        self.variables.truncate(known);
        flow
    }

    fn each(&mut self, dot: &Value, value: Value, branch: &Branch) -> Result<Flow, Error> {
        let value = match &value {
            Value::Object(object) => object.entries().unwrap_or(value),
            _ => value,
        };
        let went = match &value {
            Value::List(items) => {
                let items = items.iter().enumerate();
                self.all(items.map(|(index, item)| (Value::Int(index_of(index)), item.clone())), branch)?
            }
            Value::Map(dict) => {
                let entries = dict.entries().into_iter();
                self.all(entries.map(|(key, item)| (Value::Str(key), item)), branch)?
            }
            Value::Int(count) => self.all((0..*count).map(|at| (Value::Int(at), Value::Int(at))), branch)?,
            Value::Int64(count) => self.all((0..*count).map(|at| (Value::Int64(at), Value::Int64(at))), branch)?,
            Value::Nil => None,
            other => {
                let message = format!("range can't iterate over {}", display(other));
                let (at, shown) = branch.pipe.last();
                return Err(self.error(at, shown, message));
            }
        };
        match went {
            Some(flow) => Ok(flow),
            None => self.walk_all(dot, &branch.otherwise),
        }
    }

    /// Goes through all; `None` if there are none.
    fn all(&mut self, items: impl Iterator<Item = (Value, Value)>, branch: &Branch) -> Result<Option<Flow>, Error> {
        let known = self.variables.len();
        let mut went = None;
        for (key, item) in items {
            self.spend(1).map_err(|fault| self.located(branch.pipe.at, &branch.pipe, fault))?;
            self.bind(&branch.pipe, key, &item);
            let flow = self.walk_all(&item, &branch.then)?;
            self.variables.truncate(known);
            went = Some(Flow::On);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(went)
    }

    fn bind(&mut self, pipe: &Pipe, key: Value, item: &Value) {
        match pipe.variables.as_slice() {
            [] => {}
            [name] => self.assign(name, item.clone()),
            [index, name, ..] => {
                self.assign(index, key);
                self.assign(name, item.clone());
            }
        }
    }
}

fn index_of(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}
