//! The board's script: its modules put together into one file when the server is built. A browser then asks once, and not for one module after the other, of which it asks for six at a time.

/// The modules as they lie in the repository, in any order.
const MODULES: [(&str, &str); 14] = [
    ("./andon-client.js", CLIENT),
    ("./board.js", include_str!("page/board.js")),
    ("./devices.js", include_str!("page/devices.js")),
    ("./guided.js", include_str!("page/guided.js")),
    ("./history.js", include_str!("page/history.js")),
    ("./link.js", include_str!("page/link.js")),
    ("./page.js", include_str!("page/page.js")),
    ("./panel.js", include_str!("page/panel.js")),
    ("./server.js", include_str!("page/server.js")),
    ("./server-side.js", include_str!("page/server-side.js")),
    ("./sparkline.js", include_str!("page/sparkline.js")),
    ("./tiles.js", include_str!("page/tiles.js")),
    ("./topics.js", include_str!("page/topics.js")),
    ("./words.js", include_str!("page/words.js")),
];

/// The client for browsers, which the board is built upon.
pub(super) const CLIENT: &str = include_str!("../../../examples/web/andon-client.js");

/// All of them as one module: each a function that is called once, behind those that it imports.
pub(super) fn whole() -> String {
    let mut script = Script { text: String::from("const modules = {};\n"), taken: Vec::new() };
    script.take("./board.js");
    script.text
}

struct Script {
    text: String,
    taken: Vec<&'static str>,
}

impl Script {
    /// Appends a module, unless it is there. Of modules it knows what these have: imports and exports by name, each on a line of its own, of what never changes.
    fn take(&mut self, wanted: &str) {
        let Some(&(name, source)) = MODULES.iter().find(|(name, _)| *name == wanted) else { return };
        if self.taken.contains(&name) {
            return;
        }
        self.taken.push(name);
        let (mut body, mut exported) = (String::with_capacity(source.len()), Vec::new());
        for line in source.lines() {
            if let Some((names, from)) = imported(line) {
                self.take(from);
                body.push_str(&format!("const {names} = modules[\"{from}\"];"));
            } else if let Some(declaration) = line.strip_prefix("export ") {
                exported.extend(declared(declaration));
                body.push_str(declaration);
            } else {
                body.push_str(line);
            }
            body.push('\n');
        }
        let exported = exported.join(", ");
        self.text
            .push_str(&format!("modules[\"{name}\"] = (() => {{\n{body}return {{ {exported} }};\n}})();\n"));
    }
}

/// What a line imports, in braces, and where from.
fn imported(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("import ")?.strip_suffix("\";")?.split_once(" from \"")
}

/// The name that a declaration declares.
fn declared(declaration: &str) -> Option<&str> {
    let mut words = declaration.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '$');
    words.find(|word| !["async", "const", "function", "class", ""].contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_module_is_there_once_behind_what_it_imports() {
        let script = whole();
        let place = |name: &str| {
            let places: Vec<_> = script.match_indices(&format!("\nmodules[\"{name}\"] = ")).collect();
            assert_eq!(places.len(), 1, "{name}");
            places[0].0
        };
        for (name, source) in MODULES {
            let own = place(name);
            for (_, from) in source.lines().filter_map(imported) {
                assert!(place(from) < own, "{name} imports {from}");
            }
        }
        let left = |line: &&str| line.starts_with("import ") || line.starts_with("export ");
        assert_eq!(script.lines().find(left), None, "it is no import or export of the form that is known");
    }

    #[test]
    fn what_one_imports_the_other_exports() {
        for (name, source) in MODULES {
            for (names, from) in source.lines().filter_map(imported) {
                let (_, other) = MODULES.iter().find(|(other, _)| *other == from).unwrap();
                let exported: Vec<_> =
                    other.lines().filter_map(|line| declared(line.strip_prefix("export ")?)).collect();
                let names = names.strip_prefix("{ ").and_then(|rest| rest.strip_suffix(" }")).unwrap();
                for one in names.split(", ") {
                    assert!(exported.contains(&one), "{name} wants {one} of {from}, which has {exported:?}");
                }
            }
        }
    }

    #[test]
    fn a_declaration_tells_its_name() {
        for (declaration, name) in [
            ("const KEY = 1;", "KEY"),
            ("const two = (a) => a;", "two"),
            ("async function ask(path) {", "ask"),
            ("class Tile extends Node {", "Tile"),
        ] {
            assert_eq!(declared(declaration), Some(name));
        }
    }
}
