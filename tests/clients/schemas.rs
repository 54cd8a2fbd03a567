//! What the schemas say, read as text.

use std::{fs, path::PathBuf};

/// Directory of the schemas.
pub const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/proto");

/// Files of the public API.
pub fn files() -> Vec<PathBuf> {
    let directory = fs::read_dir(format!("{DIRECTORY}/livecheck/v1")).unwrap();
    let mut files: Vec<_> = directory.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// A service, message or enum at the top of a file, with its comments.
pub struct Declaration {
    /// `service`, `message` or `enum`.
    pub kind: String,
    pub name: String,
    pub comments: Vec<String>,
}

/// Everything that the public API declares.
pub fn declarations() -> Vec<Declaration> {
    let texts = files().into_iter().map(fs::read_to_string);
    texts.flat_map(|text| declared_in(&text.unwrap())).collect()
}

/// Names of the services, with their package.
pub fn services() -> Vec<String> {
    let services = declarations().into_iter().filter(|d| d.kind == "service");
    services
        .map(|d| format!("livecheck.v1.{}", d.name))
        .collect()
}

/// Comments of a text, each without its indentation. They are sorted, as tools
/// sort what they stand above.
pub fn comments(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let blocks = lines.split(|line| !line.starts_with("//"));
    let blocks = blocks.filter(|block| !block.is_empty());
    let mut comments: Vec<String> = blocks.map(|block| block.join("\n")).collect();
    comments.sort();
    comments
}

/// Paragraphs that begin with a declaration, or with the comment above one.
fn declared_in(text: &str) -> Vec<Declaration> {
    let mut declarations = Vec::new();
    let mut above = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let mut words = line.split_whitespace();
        match (words.next(), words.next()) {
            (Some("//"), _) => {
                above.push_str(line);
                above.push('\n');
            }
            (Some(kind @ ("service" | "message" | "enum")), Some(name)) => {
                let mut whole = std::mem::take(&mut above) + line + "\n";
                if !line.ends_with('}') {
                    let inside = lines.by_ref().take_while(|line| *line != "}");
                    whole.extend(inside.map(|line| format!("{line}\n")));
                }
                declarations.push(Declaration {
                    kind: kind.to_owned(),
                    name: name.to_owned(),
                    comments: comments(&whole),
                });
            }
            _ => above.clear(),
        }
    }
    declarations
}
