//! `.Files`: the files of a chart that are no templates.

use std::any::Any;
use std::rc::Rc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use mainstay_gotemplate::{Arguments, Dict, Fault, Object, Style, Value, to_go_yaml};

use crate::chart::File;
use crate::glob::Glob;

/// Files by their path from the chart's directory.
#[derive(Clone)]
pub(crate) struct Files(Rc<Vec<File>>);

impl Files {
    pub(crate) fn new(mut files: Vec<File>) -> Self {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Self(Rc::new(files))
    }

    fn content(&self, path: &str) -> &[u8] {
        let found = self.0.binary_search_by(|file| file.path.as_str().cmp(path));
        found.map_or(&[], |at| &self.0[at].content)
    }

    fn glob(&self, pattern: &str) -> Value {
        // A pattern that is none means all, as in Helm.
        let glob = Glob::new(pattern).or_else(|_| Glob::new("**")).ok();
        let matches = |file: &&File| glob.as_ref().is_some_and(|glob| glob.matches(&file.path));
        Value::Object(Rc::new(Self(Rc::new(self.0.iter().filter(matches).cloned().collect()))))
    }

    /// By name without directory, as ConfigMaps and Secrets have them.
    fn as_data(&self, shown: impl Fn(&[u8]) -> Value) -> Result<Value, Fault> {
        if self.0.is_empty() {
            return Ok("".into());
        }
        let name = |file: &File| file.path.rsplit('/').next().unwrap_or_default().to_owned();
        let data: Dict = self.0.iter().map(|file| (name(file), shown(&file.content))).collect();
        Ok(to_go_yaml(&Value::Map(data), Style::V2)?.into())
    }

    fn lines(&self, path: &str) -> Value {
        let text = String::from_utf8_lossy(self.content(path)).into_owned();
        if text.is_empty() {
            return Value::List(Rc::default());
        }
        Value::strings(text.strip_suffix('\n').unwrap_or(&text).split('\n'))
    }
}

impl Object for Files {
    fn type_name(&self) -> &str {
        "engine.files"
    }

    fn kind(&self) -> &'static str {
        "map"
    }

    fn text(&self) -> String {
        let paths: Vec<&str> = self.0.iter().map(|file| file.path.as_str()).collect();
        format!("map[{}]", paths.join(" "))
    }

    fn get(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, Fault>> {
        let text = || Arguments(arguments).text(0);
        Some(match name {
            "Get" | "GetBytes" => text().map(|path| Value::from_bytes(self.content(&path).to_vec())),
            "Glob" => text().map(|pattern| self.glob(&pattern)),
            "Lines" => text().map(|path| self.lines(&path)),
            "AsConfig" => self.as_data(|content| Value::from_bytes(content.to_vec())),
            "AsSecrets" => self.as_data(|content| BASE64_STANDARD.encode(content).into()),
            _ => return None,
        })
    }

    fn entries(&self) -> Option<Value> {
        let entries = self.0.iter().map(|file| (&file.path, Value::from_bytes(file.content.clone())));
        Some(Value::Map(entries.collect()))
    }

    fn any(&self) -> &dyn Any {
        self
    }
}
