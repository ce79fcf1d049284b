//! Writes the C header, `andon.h`, into the build's output directory; a test compares it with the committed one. Nothing else is built here.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "ffi")]
    header::write();
}

#[cfg(feature = "ffi")]
mod header {
    use cbindgen::{Config, DocumentationStyle, Language, Style};
    use std::{env, fmt::Write as _, fs, path::Path};

    /// The files of `src/ffi` that make the header, in its order, with their headings. Each gives its constants, its types and its functions.
    const PARTS: [(&str, &str); 32] = [
        ("version", "Version"),
        ("status", "Statuses"),
        ("error", "What went wrong"),
        ("types", "Texts, bytes, ids"),
        ("config", "Configuration"),
        ("mount", "Mounts"),
        ("server", "Server"),
        ("device_event", "What device sessions tell"),
        ("guided_event", "What guided sessions tell"),
        ("event", "Events"),
        ("events", "Events are read"),
        ("encoding", "Encodings"),
        ("tags", "Tag table: equipment and tags are declared"),
        ("tag", "Tag writes, for real-time threads"),
        ("topic", "Topics"),
        ("hub", "Topic hub"),
        ("monitor", "Equipment monitor"),
        ("devices", "Device sessions"),
        ("guided", "Guided sessions"),
        ("guided_list", "How guided sessions are"),
        ("store", "Recorder"),
        ("recording", "Recordings"),
        ("identities", "Identities"),
        ("request", "Requests"),
        ("response", "Answers and routes"),
        ("waiting", "Those who wait for the host"),
        ("board", "The board and its endpoints"),
        ("contract", "Contracts of the host's own"),
        ("effects", "Within a contract's callbacks"),
        ("gate", "Gates"),
        ("jwt", "Tokens"),
        ("logging", "Logging"),
    ];

    const BEGIN: &str = "\
/*
 * andon: a WebSocket server inside a machine controller.
 *
 * Generated from src/ffi by build.rs: changes belong there. docs/c-api.md says once what holds for every
 * function: names, ownership, NULL, texts, threads, real time, errors, fork, exit. Each comment says the rest;
 * the statuses there stand without their ANDON_STATUS_.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef ANDON_H
#define ANDON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern \"C\" {
#endif
";

    const END: &str = "
#ifdef __cplusplus
} /* extern \"C\" */
#endif

#endif /* ANDON_H */
";

    pub(crate) fn write() {
        let root = env::var("CARGO_MANIFEST_DIR").expect("cargo says where the package is");
        let ffi = Path::new(&root).join("src/ffi");
        let mut objects = Vec::new();
        let mut parts = Vec::new();
        for (file, heading) in PARTS {
            let source = ffi.join(file).with_extension("rs");
            println!("cargo::rerun-if-changed={}", source.display());
            let mut part = tidy(&generate(&source), &mut objects);
            part += &initialisers(&part);
            if file == "types" {
                part += TEXT;
            }
            parts.push((heading, part));
        }
        // Whatever a function is given must have been named before.
        parts.insert(3, ("Objects", objects.join("\n")));
        let mut header = BEGIN.to_owned();
        for (heading, part) in parts {
            let dashes = "-".repeat(100 - heading.len());
            write!(header, "\n/* ---- {heading} {dashes} */\n\n{}\n", part.trim())
                .expect("a string takes it");
        }
        header += END;
        let out = env::var("OUT_DIR").expect("cargo says where to write");
        fs::write(Path::new(&out).join("andon.h"), header).expect("the output directory can be written");
    }

    /// What cbindgen makes of one file.
    fn generate(source: &Path) -> String {
        let text = fs::read_to_string(source).expect("a source can be read");
        // Also types that only functions of other files use.
        let types = text.lines().filter_map(|line| {
            let rest =
                ["pub struct ", "pub union ", "pub type "].iter().find_map(|word| line.strip_prefix(word))?;
            Some(rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()?.to_owned())
        });
        let config = Config {
            language: Language::C,
            style: Style::Both,
            documentation_style: DocumentationStyle::Doxy,
            usize_is_size_t: true,
            no_includes: true,
            line_length: 120,
            tab_width: 4,
            export: cbindgen::ExportConfig { include: types.collect(), ..Default::default() },
            ..Config::default()
        };
        let mut part = Vec::new();
        cbindgen::Builder::new()
            .with_config(config)
            .with_src(source)
            .generate()
            .unwrap_or_else(|error| panic!("{} makes no header: {error}", source.display()))
            .write(&mut part);
        String::from_utf8(part).expect("sources are UTF-8")
    }

    /// Puts short comments on one line and constants together, leaves out `struct` where the type's name does, and takes out the opaque types.
    fn tidy(part: &str, objects: &mut Vec<String>) -> String {
        let mut lines: Vec<String> = Vec::new();
        for line in part.lines() {
            let bare = line.trim_start();
            let before = lines.len();
            if bare == "*/" && before >= 2 && lines[before - 2].trim() == "/**" {
                let words = lines.pop().unwrap_or_default();
                let words = words.trim_start().trim_start_matches('*').trim().to_owned();
                let begin = lines.pop().unwrap_or_default();
                lines.push(format!("{begin} {words} */"));
            } else if line.starts_with("typedef struct ") {
                lines.push(line.to_owned());
            } else {
                lines.push(line.replace("struct andon_", "andon_"));
            }
        }
        let lines: Vec<String> = lines.iter().flat_map(|line| wrapped(line)).collect();
        let mut tidied = String::new();
        let mut blocks = lines.join("\n");
        blocks.push('\n');
        let mut was_constant = false;
        for block in blocks.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
            let last = block.lines().last().unwrap_or_default();
            if last.starts_with("typedef struct ") && last.ends_with(';') {
                objects.push(format!("{block}\n"));
                continue;
            }
            let is_constant = last.starts_with("#define ");
            if !tidied.is_empty() {
                tidied += if is_constant && was_constant { "\n" } else { "\n\n" };
            }
            was_constant = is_constant;
            tidied += block;
        }
        tidied + "\n"
    }

    /// A line of a comment, on as many lines as it needs.
    fn wrapped(line: &str) -> Vec<String> {
        const WIDTH: usize = 110;
        let bare = line.trim_start();
        if line.len() <= WIDTH || !bare.starts_with(['*', '/']) {
            return vec![line.to_owned()];
        }
        let indent = &line[..line.len() - bare.len()];
        let is_whole = bare.starts_with("/** ");
        let text = bare.trim_start_matches("/**").trim_start_matches('*').trim();
        let text = if is_whole { text.trim_end_matches("*/").trim() } else { text };
        let mut lines = Vec::new();
        if is_whole {
            lines.push(format!("{indent}/**"));
        }
        let mut current = String::new();
        for word in text.split(' ') {
            if !current.is_empty() && indent.len() + 3 + current.len() + 1 + word.len() > WIDTH {
                lines.push(format!("{indent} * {current}"));
                current.clear();
            }
            if !current.is_empty() {
                current.push(' ');
            }
            current += word;
        }
        lines.push(format!("{indent} * {current}"));
        if is_whole {
            lines.push(format!("{indent} */"));
        }
        lines
    }

    const TEXT: &str = "
/** A C string as a text; NULL is the empty one. */
static inline andon_str andon_text(const char *text) {
    andon_str made;
    made.data = text;
    made.length = text ? strlen(text) : 0;
    return made;
}

/** These bytes. */
static inline andon_bytes andon_bytes_of(const void *data, size_t length) {
    andon_bytes made;
    made.data = (const uint8_t *)data;
    made.length = length;
    return made;
}
";

    /// For each struct that begins with its size: an initialiser, which sets the size that the program was compiled with and zeroes the rest.
    fn initialisers(part: &str) -> String {
        let mut made = String::new();
        for (at, _) in part.match_indices("typedef struct ") {
            let name: String =
                part[at + "typedef struct ".len()..].chars().take_while(|c| *c != ' ' && *c != ';').collect();
            let end = part[at..].find("\n} ").unwrap_or(0);
            if !part[at..at + end].contains("    size_t struct_size;") {
                continue;
            }
            let upper = name.to_uppercase();
            write!(
                made,
                "
/** What `{upper}_INIT` is: the size set, and all else zero. */
static inline {name} {name}_init(void) {{
    {name} made;
    memset(&made, 0, sizeof made);
    made.struct_size = sizeof made;
    return made;
}}
#define {upper}_INIT {name}_init()
"
            )
            .expect("a string takes it");
        }
        made
    }
}
