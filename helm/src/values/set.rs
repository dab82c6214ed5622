//! `--set`: Helm's `strvals`.

use serde_json::{Map, Value as Tree};

/// The highest index in a list.
const MAX_INDEX: usize = 65_536;
/// The maximum number of names in a path.
const MAX_DEPTH: usize = 30;

/// Sets the values of a line of `name=value` pairs.
pub(super) fn parse_into(
    text: &str,
    values: &mut Map<String, Tree>,
    strings_only: bool,
) -> Result<(), String> {
    let mut parser = Parser {
        characters: text.chars().collect(),
        position: 0,
        strings_only,
        at_end: false,
    };
    while parser.position < parser.characters.len() {
        parser.key(values, 0)?;
    }
    Ok(())
}

struct Parser {
    characters: Vec<char>,
    position: usize,
    strings_only: bool,
    /// True if the text ended where a value is required.
    at_end: bool,
}

impl Parser {
    /// The text up to one of the stops, which is consumed; `None` at the end.
    fn until(&mut self, stops: &[char]) -> (String, Option<char>) {
        let mut text = String::new();
        while let Some(character) = self.characters.get(self.position).copied() {
            self.position += 1;
            if stops.contains(&character) {
                return (text, Some(character));
            }
            if character == '\\' {
                match self.characters.get(self.position) {
                    Some(next) => text.push(*next),
                    None => return (text, None),
                }
                self.position += 1;
            } else {
                text.push(character);
            }
        }
        (text, None)
    }

    fn key(&mut self, values: &mut Map<String, Tree>, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err(format!(
                "value name nested level is greater than maximum supported nested level of {MAX_DEPTH}"
            ));
        }
        let (name, stop) = self.until(&['=', '[', ',', '.']);
        match stop {
            None if name.is_empty() => Ok(()),
            None => Err(format!("key {name:?} has no value")),
            Some('[') => {
                let index = self.index()?;
                let list = match values.remove(&name) {
                    None | Some(Tree::Null) => Vec::new(),
                    Some(Tree::Array(list)) => list,
                    Some(_) => return Err(format!("key {name:?} is not a list")),
                };
                let list = self.list_item(list, index, depth + 1)?;
                insert(values, name, Tree::Array(list));
                Ok(())
            }
            Some('=') => {
                let value = self.value_or_list()?;
                insert(values, name, value);
                Ok(())
            }
            Some(',') => Err(format!("key {name:?} has no value (cannot end with ,)")),
            Some(_) => {
                let mut inner = match values.remove(&name) {
                    None | Some(Tree::Null) => Map::new(),
                    Some(Tree::Object(inner)) => inner,
                    Some(_) => return Err(format!("key {name:?} is not a map")),
                };
                self.key(&mut inner, depth + 1)?;
                if inner.is_empty() {
                    return Err(format!("key map {name:?} has no value"));
                }
                insert(values, name, Tree::Object(inner));
                Ok(())
            }
        }
    }

    fn index(&mut self) -> Result<usize, String> {
        let (text, stop) = self.until(&[']']);
        let index = text
            .parse::<i64>()
            .map_err(|_| format!("error parsing index: {text:?} is not a number"))?;
        if stop.is_none() {
            return Err("error parsing index: the ] is missing".into());
        }
        match usize::try_from(index) {
            Ok(index) if index <= MAX_INDEX => Ok(index),
            Ok(index) => Err(format!(
                "index of {index} is greater than maximum supported index of {MAX_INDEX}"
            )),
            Err(_) => Err(format!("negative {index} index not allowed")),
        }
    }

    fn list_item(
        &mut self,
        mut list: Vec<Tree>,
        index: usize,
        depth: usize,
    ) -> Result<Vec<Tree>, String> {
        if depth > MAX_DEPTH {
            return Err(format!(
                "value name nested level is greater than maximum supported nested level of {MAX_DEPTH}"
            ));
        }
        let (text, stop) = self.until(&['[', '.', '=']);
        if !text.is_empty() {
            return Err(format!("unexpected data at end of array index: {text:?}"));
        }
        let old = list.get_mut(index).map(std::mem::take);
        let value = match stop {
            None => return Err("the list's item has no value".into()),
            Some('=') => self.value_or_list()?,
            Some('[') => {
                let inner_index = self.index()?;
                let inner = match old {
                    Some(Tree::Array(inner)) => inner,
                    _ => Vec::new(),
                };
                Tree::Array(self.list_item(inner, inner_index, depth + 1)?)
            }
            Some(_) => {
                let is_new = old.is_none();
                let mut inner = match old {
                    Some(Tree::Object(inner)) => inner,
                    _ => Map::new(),
                };
                self.key(&mut inner, depth + 1)?;
                // Helm drops a new item if its last value is missing: `a[0].b=`.
                if is_new && self.at_end {
                    return Ok(list);
                }
                Tree::Object(inner)
            }
        };
        if list.len() <= index {
            list.resize(index + 1, Tree::Null);
        }
        list[index] = value;
        Ok(list)
    }

    /// The value after `=`.
    fn value_or_list(&mut self) -> Result<Tree, String> {
        self.at_end |= self.position >= self.characters.len();
        if self.characters.get(self.position) != Some(&'{') {
            let (text, _) = self.until(&[',']);
            return Ok(self.typed(text));
        }
        self.position += 1;
        let mut list = Vec::new();
        loop {
            let (text, stop) = self.until(&[',', '}']);
            match stop {
                None => return Err("list must terminate with '}'".into()),
                Some('}') => {
                    // As in Helm, `{}` is a list of one empty text.
                    list.push(self.typed(text));
                    if self.characters.get(self.position) == Some(&',') {
                        self.position += 1;
                    }
                    return Ok(Tree::Array(list));
                }
                Some(_) => list.push(self.typed(text)),
            }
        }
    }

    fn typed(&self, text: String) -> Tree {
        if self.strings_only {
            return Tree::String(text);
        }
        match text.to_lowercase().as_str() {
            "true" => return Tree::Bool(true),
            "false" => return Tree::Bool(false),
            "null" => return Tree::Null,
            "0" => return Tree::from(0),
            _ => {}
        }
        // A number with a leading zero is text.
        match text.parse::<i64>() {
            Ok(number) if !text.starts_with('0') => Tree::from(number),
            _ => Tree::String(text),
        }
    }
}

/// An empty name sets nothing.
fn insert(values: &mut Map<String, Tree>, name: String, value: Tree) {
    if !name.is_empty() {
        values.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(text: &str) -> Result<Tree, String> {
        let mut values = Map::new();
        parse_into(text, &mut values, false).map(|()| Tree::Object(values))
    }

    #[test]
    fn lines_parse_as_in_helm() {
        for (text, expected) in [
            ("a=b", json!({"a": "b"})),
            (
                "a.b=1,c=true,d=null,e=007,f=",
                json!({"a": {"b": 1}, "c": true, "d": null, "e": "007", "f": ""}),
            ),
            ("a={x,y,1}", json!({"a": ["x", "y", 1]})),
            ("a={}", json!({"a": [""]})),
            ("a[1]=x", json!({"a": [null, "x"]})),
            ("a[0].b=c,a[0].d=e", json!({"a": [{"b": "c", "d": "e"}]})),
            ("a[0][1]=x", json!({"a": [[null, "x"]]})),
            (r"a\.b=c\,d", json!({"a.b": "c,d"})),
            ("a=b=c", json!({"a": "b=c"})),
            ("a[0].b=", json!({"a": []})),
        ] {
            assert_eq!(parse(text).unwrap(), expected, "{text}");
        }
        for text in ["a", "a,b=1", "a[x]=1", "a[99999999]=1", "a={b", "a.=1x,b"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
